// A shop that takes payments: each order pays at the provider and publishes an event, or neither.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TransactionClient, UnanimousError } from '@unanimous/participant-sdk';
import { sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';
import { payments, transfers } from '../payment-resource.ts';

const { SHOP_COORDINATOR = '', SHOP_PAYMENTS = '', SHOP_QUEUE = '', SHOP_PORT } = process.env;
const tm = new TransactionClient({
  address: SHOP_COORDINATOR,
  service: 'shop',
  scanIntervalMs: 500,
  connectTimeoutMs: 5_000,
});
const events = await tm.serve(sqliteQueue({ rm: 'events', file: SHOP_QUEUE, Database }));
const options = { url: SHOP_PAYMENTS, lapsesAfterMs: 60_000 };
const providers = {
  payments: await tm.serve(payments(options)),
  listed: await tm.serve(payments({ ...options, rm: 'listed', lists: true })),
};

const final = await tm.serve(transfers(SHOP_PAYMENTS));

/** An order as the tests place it. */
interface Order {
  readonly order: string;
  readonly cents: number;
  readonly via: keyof typeof providers | 'transfers';
  readonly how: 'pay' | 'throw' | 'decline-and-go-on';
}

async function place({ order, cents, via, how }: Order): Promise<void> {
  const pay = { order, cents };
  const reserved = via === 'transfers' ? final.call(pay) : providers[via].reserve(pay);
  if (how === 'decline-and-go-on') await reserved.catch(() => undefined);
  else await reserved;
  await events.publish('paid', { order });
  if (how === 'throw') throw new Error('the customer has changed his mind');
}

async function answer(order: Order): Promise<string> {
  try {
    const { gid, applied } = await tm.transaction(() => place(order), {
      timeoutMs: 8_000,
      waitAppliedMs: 5_000,
    });
    return `committed ${gid} ${applied ? 'applied' : 'pending'}`;
  } catch (error) {
    const known = UnanimousError.from(error, 'internal');
    return `${known.code === 'unknown' ? 'unknown' : 'aborted'} ${known.code}: ${known.message}`;
  }
}

const server = createServer((request, response) => {
  void request
    .toArray()
    .then((parts) => answer(JSON.parse(Buffer.concat(parts as Buffer[]).toString()) as Order))
    .then((text) => response.end(text));
});
server.listen(Number(SHOP_PORT), '127.0.0.1');
await once(server, 'listening');
process.on('SIGTERM', () => process.exit(0));
console.log(`ready ${(server.address() as AddressInfo).port}`);

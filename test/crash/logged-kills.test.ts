import * as amqplib from 'amqplib';
import { afterAll, beforeAll, expect } from 'vitest';
import { type RabbitmqServer, startRabbitmq } from '../servers/rabbitmq.ts';
import { serverOrSkip } from '../servers/require-server.ts';
import { CrashFleet } from './support/crash-fleet.ts';
import { crashRows } from './support/crash-table.ts';
import { diskRows } from './support/disk-rows.ts';
import { Ledger } from './support/ledger.ts';
import { testRows } from './support/row-tests.ts';

const isFull = process.env.UNANIMOUS_CRASH === 'all';

let server: RabbitmqServer;
let fleet: CrashFleet;
let ledger: Ledger;

serverOrSkip('postgres', 'rabbitmq').describe(
  'a process that writes to a broker and is hit',
  () => {
    beforeAll(async () => {
      server = await startRabbitmq();
      await onChannel((channel) => channel.assertQueue('orders', { durable: true }));
      fleet = await CrashFleet.start({ rabbitmqUrl: server.url, withDisk: isFull });
      ledger = new Ledger(fleet);
      const delivered = new Set<string>();
      ledger.told = () => drain(delivered);
      expect(await ledger.place('told').told).toBe('placed');
    }, 90_000);

    afterAll(async () => {
      await fleet?.[Symbol.asyncDispose]();
      await server?.stop();
    });

    testRows(
      [...crashRows, ...(isFull ? diskRows : [])].filter(
        ({ quick, dish }) => (isFull || quick) && dish === 'told',
      ),
      () => ({ fleet, ledger }),
    );
  },
);

/** Takes all messages; the same one twice has the same id, and counts once. */
async function drain(delivered: Set<string>): Promise<ReadonlySet<string>> {
  return onChannel(async (channel) => {
    for (;;) {
      const message = await channel.get('orders', { noAck: true });
      if (message === false) return delivered;
      delivered.add((JSON.parse(message.content.toString()) as { orderId: string }).orderId);
    }
  });
}

async function onChannel<T>(work: (channel: amqplib.Channel) => Promise<T>): Promise<T> {
  const connection = await amqplib.connect(server.url);
  try {
    return await work(await connection.createChannel());
  } finally {
    await connection.close();
  }
}

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Service, serve } from '@unanimous/coordinator';
import {
  type Committed,
  currentTransaction,
  type TransactionClient,
} from '@unanimous/participant-sdk';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typescriptBlocks } from './snippets.ts';

// The blocks of the page are files, named in their first line. They are run as they stand.

interface Shop {
  readonly tm: TransactionClient;
  buy(order: string, cents: number): Promise<Committed>;
}
interface HttpStock {
  stockServer(tm: TransactionClient, reserve: (item: string) => Promise<void>): Server;
  takeFromStock(url: string, item: string): Promise<void>;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
/** What was asked of the provider, as `POST /holds/h-1/capture KEY`. */
const asked: string[] = [];
let holds = 0;
const provider = createServer((request, response) => void answer(request, response));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const text = Buffer.concat((await request.toArray()) as Buffer[]).toString();
  const key = String(request.headers['idempotency-key']).split('/').at(-1);
  if (request.url !== '/holds?state=open') asked.push(`${request.method} ${request.url} ${key}`);
  if (request.method === 'GET') return void response.end('[]');
  if (text.includes('"cents":999')) return void response.writeHead(402).end('no such money');
  holds += request.url === '/holds' ? 1 : 0;
  response.end(JSON.stringify({ hold: `h-${holds}` }));
}
let folder: string;
let coordinator: Service;
let shop: Shop;

beforeAll(async () => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  folder = mkdtempSync(join(root, '.cache/services-page-')); // where imports find the packages
  coordinator = await serve({ dataDir: join(folder, 'log'), listen: '127.0.0.1:0' });
  const api = await listen(provider);
  for (const block of typescriptBlocks('docs/services.md')) {
    const name = /^\/\/ ([a-z-]+\.ts)\n/.exec(block)?.[1] ?? 'unnamed.ts';
    const text = block
      .replace('localhost:7411', coordinator.address)
      .replace('https://payments.example', api)
      .replace("'queue.db'", JSON.stringify(join(folder, 'queue.db')));
    writeFileSync(join(folder, name), text);
  }
  shop = (await import(join(folder, 'shop.ts'))) as Shop;
}, 60_000);

afterAll(async () => {
  await shop?.tm.close();
  await coordinator?.close();
  provider.close();
  rmSync(folder, { recursive: true, force: true });
});

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function published(): unknown {
  const queue = new Database(join(folder, 'queue.db'), { readonly: true });
  try {
    return queue.prepare('select body from unanimous_messages').pluck().all();
  } finally {
    queue.close();
  }
}

test('the shop pays and publishes, or neither', async () => {
  expect(await shop.buy('o-1', 500)).toMatchObject({ applied: true });
  expect(asked.splice(0)).toEqual(['POST /holds try', 'POST /holds/h-1/capture confirm']);
  await expect(shop.buy('o-2', 999)).rejects.toMatchObject({ code: 'prepare-refused' });
  expect(asked.splice(0)).toEqual(['POST /holds try']);
  expect(published()).toEqual(['{"order":"o-1","hold":"h-1"}']);
});

test('a transaction that may outlast the holds is refused', async () => {
  const { payments } = (await import(join(folder, 'payments.ts'))) as {
    payments: { reserve(hold: object): Promise<unknown> };
  };
  const reserve = () => payments.reserve({ order: 'o-3', cents: 1 });
  await expect(shop.tm.transaction(reserve, { timeoutMs: 545_000 })).rejects.toMatchObject({
    code: 'invalid-argument',
    hint: expect.stringContaining('timeoutMs of at most 540000'),
  });
  expect(asked).toEqual([]);
});

test('the called service works in the caller’s transaction, by HTTP', async () => {
  const stock = (await import(join(folder, 'http-stock.ts'))) as HttpStock;
  const gids: string[] = [];
  const server = stock.stockServer(shop.tm, async (item) => {
    gids.push(`${item} ${currentTransaction()?.gid}`);
    if (item === 'gone') throw new Error('sold out');
  });
  const url = await listen(server);
  const { gid } = await shop.tm.transaction(() => stock.takeFromStock(url, 'ramen'));
  expect(gids).toEqual([`ramen ${gid}`]);
  const refused = shop.tm.transaction(() => stock.takeFromStock(url, 'gone'));
  await expect(refused).rejects.toThrow('sold out');
  server.close();
});

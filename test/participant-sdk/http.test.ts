import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TransactionClient } from '../../participant-sdk/src/client/transaction-client.ts';
import {
  transactionFetch,
  transactionHeaders,
  withTransactionContext,
} from '../../participant-sdk/src/http.ts';
import { currentTransaction } from '../../participant-sdk/src/participant/scope.ts';
import { CoordinatorHost } from './support/coordinator-host.ts';
import { FakeDatabase } from './support/fake-database.ts';
import { waitUntil } from '../support/wait-until.ts';

let host: CoordinatorHost;
let shop: TransactionClient;
let warehouse: TransactionClient;
let orders: FakeDatabase;
let stock: FakeDatabase;
let server: Server;
let url: string;
let handle: (body: string) => Promise<string>;

beforeEach(async () => {
  host = await CoordinatorHost.start();
  shop = host.client();
  warehouse = host.client();
  orders = await shop.serve(new FakeDatabase('orders-db'));
  stock = await warehouse.serve(new FakeDatabase('stock-db'));
  handle = async (body) => {
    await stock.write(body);
    return 'reserved';
  };
  server = createServer((request, response) => void reply(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/reserve`;
});

async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  try {
    response.end(await withTransactionContext(warehouse, request.headers, () => handle(body)));
  } catch (error) {
    response.writeHead(500).end((error as Error).message);
  }
}

afterEach(async () => {
  server.close();
  await host.close();
});

const rows = () => [...orders.store.rows, ...stock.store.rows];
const reserve = async (body: string) => {
  const response = await transactionFetch(url, { method: 'POST', body });
  if (!response.ok) throw new Error(await response.text());
  return response.text();
};

test('a request takes the transaction along', async () => {
  const result = await shop.transaction(async () => {
    await orders.write('order 1');
    return reserve('item -1');
  });
  expect(result).toMatchObject({ value: 'reserved', applied: true });
  expect(rows()).toEqual(['order 1', 'item -1']);
});

test('so does one with the bare headers; outside of a transaction there are none', async () => {
  expect(transactionHeaders()).toEqual({});
  await shop.transaction(async ({ gid }) => {
    expect(transactionHeaders()).toMatchObject({ 'unanimous-gid': gid });
    await fetch(url, { method: 'POST', body: 'item -1', headers: transactionHeaders() });
  });
  await reserve('item -2');
  expect(rows()).toEqual(['item -1', 'item -2']);
});

test('a handler that writes after another one has failed is refused', async () => {
  let goOn = (): void => {};
  const otherFailed = new Promise<void>((resolve) => (goOn = resolve));
  let hasBegun = false;
  handle = async (body) => {
    if (body === 'none') throw new Error('no such item');
    hasBegun = true;
    await otherFailed;
    await stock.write(body);
    return 'reserved';
  };
  await shop.transaction(async () => {
    const reserving = reserve('item -1').catch((error: unknown) => error);
    await waitUntil(() => hasBegun, { what: 'the first handler to begin' });
    await expect(reserve('none')).rejects.toThrow('no such item');
    goOn();
    expect(await reserving).toMatchObject({ message: expect.stringContaining('failed earlier') });
  });
  expect(rows()).toEqual([]);
});

describe('the transaction aborts', () => {
  test('when a handler throws, though its caller swallows the error', async () => {
    handle = async (body) => {
      await stock.write(body);
      throw new Error('no such item');
    };
    const failing = shop.transaction(async () => {
      await orders.write('order 1');
      await reserve('item -1').catch(() => undefined);
    });
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
    expect(rows()).toEqual([]);
  });

  test('when a handler answers before its writes were awaited', async () => {
    handle = async (body) => {
      stock.write(body).catch(() => undefined);
      return 'reserved';
    };
    let answer: unknown;
    const failing = shop.transaction(async () => {
      await orders.write('order 1');
      answer = await reserve('item -1').catch((error: unknown) => error);
    });
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
    expect(answer).toMatchObject({ message: expect.stringContaining('not awaited') });
    expect(rows()).toEqual([]);
  });

  test('when a handler answers while a statement runs, though that ends well', async () => {
    let late: Promise<unknown> | undefined;
    handle = async (body) => {
      await stock.write(body);
      late = stock.write('item -2', 20).catch((error: unknown) => error);
      return 'reserved';
    };
    let answer: unknown;
    const failing = shop.transaction(async () => {
      await orders.write('order 1');
      answer = await reserve('item -1').catch((error: unknown) => error);
      await late; // so that nothing runs any more when it votes
    });
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
    expect(answer).toMatchObject({ message: expect.stringContaining('still running') });
    expect(rows()).toEqual([]);
  });

  test('when a request is not awaited', async () => {
    const failing = shop.transaction(() => {
      reserve('item -1').catch(() => undefined);
    });
    await expect(failing).rejects.toMatchObject({ reason: { code: 'statement-running' } });
  });

  test('when a handler works on after it has answered', async () => {
    let late: Promise<unknown> | undefined;
    handle = async (body) => {
      await stock.write(body);
      late = new Promise((resolve) => setTimeout(resolve, 50))
        .then(() => stock.write('late'))
        .catch((error: unknown) => error);
      return 'reserved';
    };
    const failing = shop.transaction(async () => {
      await reserve('item -1');
      await new Promise((resolve) => setTimeout(resolve, 150));
    });
    await expect(failing).rejects.toMatchObject({ reason: { code: 'work-after-end' } });
    expect(await late).toMatchObject({ code: 'work-after-end' });
    expect(rows()).toEqual([]);
  });
});

test('headers of fetch work, too, and hostile ones are refused', async () => {
  const run = (headers: Record<string, string>) =>
    withTransactionContext(warehouse, new Headers(headers), () => currentTransaction()?.gid);
  expect(await run({})).toBeUndefined();
  const gid = '4f1c9a7be203-1-1';
  expect(await run({ 'unanimous-gid': gid, 'unanimous-remaining-ms': '500' })).toBe(gid);
  expect(await run({ 'unanimous-gid': gid })).toBe(gid);
  const malformed = run({ 'unanimous-gid': "x'; drop" });
  await expect(malformed).rejects.toMatchObject({ code: 'malformed-gid' });
  for (const remaining of ['-1', 'NaN', 'Infinity', 'soon']) {
    const failing = run({ 'unanimous-gid': gid, 'unanimous-remaining-ms': remaining });
    await expect(failing).rejects.toMatchObject({ code: 'invalid-argument' });
  }
});

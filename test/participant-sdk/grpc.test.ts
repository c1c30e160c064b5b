import { type handleUnaryCall, Metadata, status as Status } from '@grpc/grpc-js';
import { UnanimousError } from '@unanimous/proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serve, type Service } from '../../coordinator/src/serve.ts';
import { TransactionClient } from '../../participant-sdk/src/client/transaction-client.ts';
import {
  clientInterceptor,
  serverInterceptor,
  unaryHandler,
} from '../../participant-sdk/src/grpc.ts';
import { currentTransaction } from '../../participant-sdk/src/participant/scope.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';
import { waitUntil } from '../support/wait-until.ts';
import { EchoService } from './support/echo-service.ts';
import { FakeDatabase } from './support/fake-database.ts';

let folder: TempDir;
let coordinator: Service;
let shop: TransactionClient;
let warehouse: TransactionClient;
let orders: FakeDatabase;
let stock: FakeDatabase;
const services: EchoService[] = [];

beforeEach(async () => {
  folder = tempDir();
  coordinator = await serve({ dataDir: folder.file('log'), listen: '127.0.0.1:0' });
  shop = new TransactionClient({ address: coordinator.address, service: 'shop' });
  warehouse = new TransactionClient({ address: coordinator.address, service: 'warehouse' });
  [orders, stock] = await Promise.all([
    shop.serve(new FakeDatabase('orders-db')),
    warehouse.serve(new FakeDatabase('stock-db')),
  ]);
});

afterEach(async () => {
  for (const service of services.splice(0)) service.close();
  await Promise.all([shop.close(), warehouse.close()]);
  await coordinator.close();
  folder.remove();
});

/** Starts the warehouse's server with a handler; gives the function that calls it. */
async function reserveWith(
  handle: handleUnaryCall<unknown, unknown>,
  deadlineMs?: number,
): Promise<(request: unknown) => Promise<unknown>> {
  const service = await EchoService.start([serverInterceptor(warehouse)], handle);
  services.push(service);
  return service.caller([clientInterceptor()], deadlineMs);
}

const settleFor = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const rows = () => [...orders.store.rows, ...stock.store.rows];

describe('a call inside a transaction', () => {
  test('takes it along: both services commit together', async () => {
    let seen: string | undefined;
    const reserve = await reserveWith(
      unaryHandler(async ({ request }) => {
        seen = currentTransaction()?.gid;
        expect(currentTransaction()?.remainingMs()).toBeGreaterThan(5_000);
        await stock.write(String(request));
        return 'reserved';
      }),
    );
    const result = await shop.transaction(async () => {
      await orders.write('order 1');
      return reserve('item -1');
    });
    expect(result).toMatchObject({ value: 'reserved', applied: true, gid: seen });
    expect(rows()).toEqual(['order 1', 'item -1']);
  });

  test('outside of a transaction nothing changes', async () => {
    const reserve = await reserveWith(
      unaryHandler(async ({ request }) => {
        expect(currentTransaction()).toBeUndefined();
        await stock.write(String(request));
        return 'reserved';
      }),
    );
    expect(await reserve('item -1')).toBe('reserved');
    expect(rows()).toEqual(['item -1']);
  });

  test('several calls share one branch', async () => {
    const reserve = await reserveWith(
      unaryHandler(async ({ request }) => {
        await stock.write(String(request), 5);
        return 'reserved';
      }),
    );
    await shop.transaction(() => Promise.all([reserve('a'), reserve('b'), reserve('c')]));
    expect(stock.store.rows.toSorted()).toEqual(['a', 'b', 'c']);
    expect(stock.store.calls.filter((call) => call.startsWith('prepare'))).toEqual(['prepare 1']);
  });

  test('one that is not awaited fails the commit', async () => {
    const reserve = await reserveWith(
      unaryHandler(async ({ request }) => {
        await stock.write(String(request), 100);
        return 'reserved';
      }),
    );
    const failing = shop.transaction(async () => {
      await orders.write('order 1');
      reserve('item -1').catch(() => undefined);
    });
    await expect(failing).rejects.toMatchObject({ reason: { code: 'statement-running' } });
    await settleFor(200);
    expect(rows()).toEqual([]);
    expect(stock.store.prepared.size).toBe(0);
  });

  test('a streaming call is refused, clearly', async () => {
    const service = await EchoService.start([serverInterceptor(warehouse)], () => {});
    services.push(service);
    const failing = shop.transaction(() => service.stream([clientInterceptor()]));
    await expect(failing).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('streaming'),
    });
  });
});

describe('a handler', () => {
  test('that throws aborts the transaction, though its caller swallows the error', async () => {
    const reserve = await reserveWith(
      unaryHandler(async ({ request }) => {
        await stock.write(String(request));
        throw new UnanimousError('serialization-failure', 'a conflict');
      }),
    );
    const failing = shop.transaction(async () => {
      await orders.write('order 1');
      await reserve('item -1').catch(() => undefined);
    });
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
    expect(rows()).toEqual([]);
    expect(orders.store.prepared.size).toBe(0);
  });

  test('that fails retryably lets its caller try again', async () => {
    let tries = 0;
    const reserve = await reserveWith(
      unaryHandler(async ({ request }) => {
        await stock.write(String(request));
        if (++tries < 3) throw new UnanimousError('serialization-failure', 'a conflict');
        return 'reserved';
      }),
    );
    const result = await shop.transaction(() => reserve('item -1'), { retry: 5 });
    expect(result.value).toBe('reserved');
    expect(rows()).toEqual(['item -1']);
  });

  test('keeps the status of its own error', async () => {
    const reserve = await reserveWith((_call, callback) => {
      const metadata = new Metadata();
      metadata.set('shop-detail', 'none left');
      callback({ code: Status.NOT_FOUND, details: 'no such item', metadata });
    });
    const failing = shop.transaction(() => reserve('item -1'));
    const error = (await failing.catch((one: unknown) => one)) as { metadata: Metadata };
    expect(error).toMatchObject({ code: Status.NOT_FOUND, details: 'no such item' });
    expect(error.metadata.get('shop-detail')).toEqual(['none left']);
  });

  test('that answers before its writes were awaited answers an error instead', async () => {
    const reserve = await reserveWith(
      unaryHandler(async ({ request }) => {
        stock.write(String(request)).catch(() => undefined);
        return 'reserved';
      }),
    );
    let answer: unknown;
    const failing = shop.transaction(async () => {
      await orders.write('order 1');
      answer = await reserve('item -1').catch((error: unknown) => error);
    });
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
    expect(answer).toMatchObject({ details: expect.stringContaining('not awaited') });
    await settleFor(50);
    expect(rows()).toEqual([]);
    expect(stock.store.prepared.size).toBe(0);
  });

  test('that still runs when its caller gave up and commits: the vote is no', async () => {
    const reserve = await reserveWith(
      unaryHandler(async ({ request }) => {
        await stock.write(`${String(request)} a`);
        await settleFor(300);
        await stock.write(`${String(request)} b`);
        return 'reserved';
      }),
      100,
    );
    const failing = shop.transaction(async () => {
      await orders.write('order 1');
      await reserve('item').catch(() => undefined);
    });
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
    await settleFor(400);
    expect(rows()).toEqual([]);
  });

  test('cannot commit, nor begin another transaction', async () => {
    const reserve = await reserveWith(
      unaryHandler(async () => {
        await warehouse.transaction(() => stock.write('item -1'));
        return 'reserved';
      }),
    );
    const failing = shop.transaction(() => reserve('item -1'));
    await expect(failing).rejects.toMatchObject({
      details: expect.stringContaining('is open here'),
    });
  });

  test('hears a malformed gid as an invalid argument', async () => {
    let isCalled = false;
    const service = await EchoService.start([serverInterceptor(warehouse)], (_call, callback) => {
      isCalled = true;
      callback(null, 'reserved');
    });
    services.push(service);
    const hostile = service.caller([
      (options, nextCall) => {
        const call = nextCall(options);
        const start = call.start.bind(call);
        call.start = (metadata, listener) => {
          metadata.set('unanimous-gid', "x'; drop table orders");
          start(metadata, listener);
        };
        return call as never;
      },
    ]);
    await expect(hostile('x')).rejects.toMatchObject({ code: Status.INVALID_ARGUMENT });
    expect(isCalled).toBe(false);
  });
});

test('a coordinator that restarts is found again, and what was decided is applied', async () => {
  const port = coordinator.address.split(':').at(-1);
  let isRestarting = false;
  stock.hooks.commit = async () => {
    if (isRestarting) return;
    isRestarting = true;
    await coordinator.close();
    throw new Error('the database went away, too');
  };
  const reserve = await reserveWith(
    unaryHandler(async ({ request }) => {
      await stock.write(String(request));
      return 'reserved';
    }),
  );
  const waiting = shop.transaction(async () => {
    await orders.write('order 1');
    await reserve('item -1');
  });
  await waitUntil(() => isRestarting, { what: 'the coordinator to be stopped' });
  await coordinator.stopped;
  coordinator = await serve({ dataDir: folder.file('log'), listen: `127.0.0.1:${port}` });
  expect(await waiting).toMatchObject({ outcome: 'committed' });
  await waitUntil(() => rows().length === 2, { what: 'both to be applied' });
});

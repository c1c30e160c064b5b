import { getEventListeners } from 'node:events';
import { reason, UnanimousError } from '@unanimous/proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import {
  currentTransaction,
  outsideTransaction,
} from '../../../participant-sdk/src/participant/scope.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { CoordinatorHost } from '../support/coordinator-host.ts';
import { FakeDatabase } from '../support/fake-database.ts';

let host: CoordinatorHost;
let tm: TransactionClient;
let orders: FakeDatabase;
let stock: FakeDatabase;

beforeEach(async () => {
  host = await CoordinatorHost.start();
  tm = host.client();
  orders = await tm.serve(new FakeDatabase('orders-db'));
  stock = await tm.serve(new FakeDatabase('stock-db', undefined, { canOnePhase: true }));
});

afterEach(async () => {
  await host.close();
});

const rows = () => [...orders.store.rows, ...stock.store.rows];
const nothingIsLeft = () => {
  expect(orders.store.prepared.size + stock.store.prepared.size).toBe(0);
};

describe('transaction()', () => {
  test('commits both resources, and gives what its function returned', async () => {
    const result = await tm.transaction(async ({ gid, remainingMs }) => {
      expect(currentTransaction()?.gid).toBe(gid);
      expect(remainingMs()).toBeGreaterThan(9_000);
      await orders.write('order 1');
      await stock.write('item -1');
      return 42;
    });
    expect(result).toMatchObject({ value: 42, outcome: 'committed', applied: true, pending: [] });
    expect(rows()).toEqual(['order 1', 'item -1']);
    expect(await tm.outcome(result.gid)).toMatchObject({ outcome: 'committed', applied: true });
    expect(currentTransaction()).toBeUndefined();
  });

  test('commits one resource in one phase, and nothing at all when nothing was written', async () => {
    await tm.transaction(() => stock.write('item -1'));
    expect(stock.store.calls).toEqual(['ready 1', 'commit-one-phase 1']);
    const { outcome } = await tm.transaction(() => stock.branch());
    expect(outcome).toBe('committed');
    expect(await tm.transaction(() => 'nothing')).toMatchObject({ value: 'nothing' });
    expect(rows()).toEqual(['item -1']);
  });

  test('rethrows what its function threw, unchanged, and writes nothing', async () => {
    const mine = new Error('no such item');
    let gid = '';
    const failing = tm.transaction(async (transaction) => {
      ({ gid } = transaction);
      await orders.write('order 1');
      throw mine;
    });
    await expect(failing).rejects.toBe(mine);
    expect(orders.store.calls).toEqual(['rollback 1']);
    expect(await tm.outcome(gid)).toMatchObject({
      outcome: 'aborted',
      reason: { code: 'client-aborted' },
    });
  });

  test('tells who voted no and why, and rolls the others back', async () => {
    stock.hooks.prepare = () => {
      throw new UnanimousError('constraint-violated', 'stock must not be negative');
    };
    const failing = tm.transaction(async () => {
      await orders.write('order 1');
      await stock.write('item -1');
    });
    await expect(failing).rejects.toMatchObject({
      code: 'aborted',
      retryable: false,
      rm: 'stock-db',
      reason: { code: 'constraint-violated', message: 'stock must not be negative' },
    });
    await waitUntil(() => orders.store.prepared.size === 0, { what: 'the other branch to end' });
    expect(rows()).toEqual([]);
  });

  test('a statement that was not awaited fails the commit, loudly', async () => {
    const failing = tm.transaction(async () => {
      await orders.write('order 1');
      void orders.write('order 2', 200);
    });
    await expect(failing).rejects.toMatchObject({
      code: 'aborted',
      reason: { code: 'statement-running' },
    });
    expect(rows()).toEqual([]);
  });

  test('a first statement that was not awaited fails the commit, too', async () => {
    const late: Promise<unknown>[] = [];
    const failing = tm.transaction(() => {
      late.push(orders.write('order 1').catch((error: unknown) => error));
    });
    await expect(failing).rejects.toMatchObject({ reason: { code: 'statement-running' } });
    expect(await late[0]).toMatchObject({ code: expect.stringMatching(/doomed|after-end/) });
    expect(rows()).toEqual([]);
  });

  test('does not nest; work outside of it may be asked for', async () => {
    await tm.transaction(async () => {
      await expect(tm.transaction(() => 1)).rejects.toMatchObject({ code: 'nested-transaction' });
      await expect(tm.begin()).rejects.toMatchObject({ code: 'nested-transaction' });
      await outsideTransaction(() => orders.write('audit'));
      await orders.write('order 1');
    });
    expect(rows()).toEqual(['audit', 'order 1']);
  });

  test("another client's resource is refused in it", async () => {
    const other = await host.client().serve(new FakeDatabase('other-db'));
    const failing = tm.transaction(() => other.write('row'));
    await expect(failing).rejects.toMatchObject({ code: 'unknown-rm' });
    expect(other.store.rows).toEqual([]);
  });

  test('many run side by side', async () => {
    const many = Array.from({ length: 200 }, (_, index) =>
      tm.transaction(async () => {
        await Promise.all([orders.write(`order ${index}`), stock.write(`item ${index}`)]);
      }),
    );
    for (const result of await Promise.all(many)) expect(result.outcome).toBe('committed');
    expect(new Set(rows()).size).toBe(400);
    nothingIsLeft();
  });
});

describe('time', () => {
  test('a function that never returns is aborted at the deadline', async () => {
    let later: Promise<unknown> | undefined;
    let isSignalled = false;
    const failing = tm.transaction(
      async ({ signal }) => {
        await orders.write('order 1');
        signal.addEventListener('abort', () => {
          isSignalled = true;
        });
        await new Promise((resolve) => setTimeout(resolve, 200));
        later = orders.write('order 2').catch((error: unknown) => error);
        await new Promise(() => {});
      },
      { timeoutMs: 100 },
    );
    await expect(failing).rejects.toMatchObject({
      code: 'aborted',
      retryable: true,
      reason: { code: 'timeout' },
    });
    expect(isSignalled).toBe(true);
    expect(await waitUntil(() => later, { what: 'late work' })).toMatchObject({
      code: 'work-after-end',
    });
    expect(rows()).toEqual([]);
  });

  test('an AbortSignal before the commit was asked for writes nothing', async () => {
    const stop = new AbortController();
    const failing = tm.transaction(
      async ({ signal }) => {
        await orders.write('order 1');
        stop.abort(new Error('the user left'));
        expect(signal.aborted).toBe(true);
        await new Promise(() => {});
      },
      { signal: stop.signal, retry: 3 },
    );
    await expect(failing).rejects.toMatchObject({
      code: 'cancelled',
      cause: { message: 'the user left' },
    });
    await waitUntil(() => orders.store.calls.includes('rollback 1'), { what: 'a rollback' });
    expect(rows()).toEqual([]);
    const early = tm.transaction(() => 1, { signal: stop.signal });
    await expect(early).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('one AbortSignal may end many transactions, and Node has nothing to warn of', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => void warnings.push(message);
    process.on('warning', onWarning);
    const stop = new AbortController();
    const { signal } = stop;
    const listeners = () => getEventListeners(signal, 'abort').length;
    let waiting = 0;
    const both = async (ends: Promise<unknown>) => {
      await orders.write(`order ${(waiting += 1)}`);
      await ends;
    };
    const here = () => waitUntil(() => waiting === 24, { what: 'all to have written' });
    const committed = Array.from({ length: 12 }, () =>
      tm.transaction(() => both(here()), { signal }),
    );
    const never = new Promise(() => {});
    const cancelled = Array.from({ length: 12 }, () =>
      tm.transaction(() => both(never), { signal }),
    );
    const errors = Promise.allSettled(cancelled);
    await Promise.all(committed);
    expect(listeners()).toBe(1);
    stop.abort();
    for (const one of await errors) expect(one).toMatchObject({ reason: { code: 'cancelled' } });
    expect(listeners()).toBe(0);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
    expect(orders.store.rows).toHaveLength(12);
  });

  test('an AbortSignal after the commit was asked for means unknown, with the gid', async () => {
    const stop = new AbortController();
    orders.hooks.prepare = () => stop.abort();
    const failing = tm.transaction(
      async () => {
        await orders.write('order 1');
      },
      { signal: stop.signal },
    );
    const error = (await failing.catch((one: unknown) => one)) as UnanimousError;
    expect(error).toMatchObject({ code: 'unknown', gid: expect.any(String) });
    const outcome = await waitUntil(
      async () => {
        const one = await tm.outcome(error.gid ?? '');
        return one.applied ? one : undefined;
      },
      { what: 'the outcome' },
    );
    expect(outcome.outcome).toBe('committed');
    expect(rows()).toEqual(['order 1']);
  });
});

describe('wait', () => {
  test("'applied' waits its time, then resolves with what is pending and why", async () => {
    let isDown = true;
    orders.hooks.commit = () => {
      if (isDown) throw new UnanimousError('rm-unavailable', 'the disk is full');
    };
    const result = await tm.transaction(() => orders.write('order 1'), { waitAppliedMs: 300 });
    expect(result).toMatchObject({
      outcome: 'committed',
      applied: false,
      pending: [{ rm: 'orders-db', reason: { message: 'the disk is full' } }],
    });
    isDown = false;
    await waitUntil(() => rows().length === 1, { what: 'the branch to be applied' });
    await waitUntil(async () => (await tm.outcome(result.gid)).applied, { what: 'the answer' });
  });

  test("'decided' does not wait for the branches", async () => {
    let goOn: (() => void) | undefined;
    orders.hooks.commit = () => new Promise((resolve) => (goOn = resolve));
    const result = await tm.transaction(() => orders.write('order 1'), { wait: 'decided' });
    expect(result).toMatchObject({ outcome: 'committed', applied: false });
    await waitUntil(() => goOn !== undefined, { what: 'the branch to be committed' });
    goOn?.();
    await waitUntil(() => rows().length === 1, { what: 'the branch to be applied' });
  });

  test('a branch that did not follow the decision throws heuristic, saying commit', async () => {
    orders.hooks.commit = (id) => {
      for (const [key, branch] of orders.store.prepared) {
        if (branch.id.gid === id.gid) {
          orders.store.prepared.delete(key); // an operator's hand
          orders.store.fates.set(key, 'rolled-back');
        }
      }
    };
    const failing = tm.transaction(() => orders.write('order 1'));
    await expect(failing).rejects.toMatchObject({
      code: 'heuristic',
      retryable: false,
      message: expect.stringContaining('was commit'),
    });
  });
});

describe('retry', () => {
  test('tries again what may succeed, each time with a new gid', async () => {
    const gids: string[] = [];
    const result = await tm.transaction(
      async ({ gid }) => {
        gids.push(gid);
        await orders.write(`try ${gids.length}`);
        if (gids.length < 3) {
          orders.doom((await orders.branch())!.id, reason('serialization-failure', 'conflict'));
          throw new Error('could not serialize');
        }
      },
      { retry: { attempts: 5, firstMs: 1 } },
    );
    expect(result.outcome).toBe('committed');
    expect(new Set(gids).size).toBe(3);
    expect(rows()).toEqual(['try 3']);
  });

  test("gives up after its attempts, with the function's own error", async () => {
    let tries = 0;
    const conflict = new UnanimousError('serialization-failure', 'conflict');
    const failing = tm.transaction(
      () => {
        tries += 1;
        throw conflict;
      },
      { retry: { attempts: 2, firstMs: 1 } },
    );
    await expect(failing).rejects.toBe(conflict);
    expect(tries).toBe(3);
  });

  test('never tries again what failed for good', async () => {
    let tries = 0;
    const failing = tm.transaction(
      () => {
        tries += 1;
        throw new Error('mine');
      },
      { retry: 5 },
    );
    await expect(failing).rejects.toThrow('mine');
    expect(tries).toBe(1);
  });
});

describe('begin()', () => {
  test('runs in pieces, commits once', async () => {
    const transaction = await tm.begin({ name: 'pieces' });
    await transaction.run(() => orders.write('order 1'));
    expect(await transaction.run(() => 7)).toBe(7);
    await transaction.run(() => stock.write('item -1'));
    const { gid } = transaction;
    expect(await transaction.commit()).toMatchObject({ outcome: 'committed', gid, applied: true });
    const over = { code: 'work-after-end' };
    await expect(transaction.commit()).rejects.toMatchObject(over);
    await expect(transaction.run(() => 1)).rejects.toMatchObject(over);
    await transaction.abort(); // nothing left to do
    expect(rows()).toEqual(['order 1', 'item -1']);
  });

  test('aborts, also when it goes out of scope', async () => {
    {
      await using transaction = await tm.begin();
      await transaction.run(() => orders.write('order 1'));
    }
    const other = await tm.begin();
    await other.run(() => orders.write('order 2'));
    await other.abort('changed my mind');
    expect(await tm.outcome(other.gid)).toMatchObject({
      outcome: 'aborted',
      reason: { code: 'client-aborted', message: 'changed my mind' },
    });
    expect(orders.store.calls).toEqual(['rollback 1', 'rollback 1']);
    expect(rows()).toEqual([]);
  });
});

describe('outcome()', () => {
  test('refuses what is not a gid of this coordinator', async () => {
    await expect(tm.outcome("x'; drop")).rejects.toMatchObject({ code: 'malformed-gid' });
    await expect(tm.outcome('000000000000-1-1')).rejects.toMatchObject({ code: 'foreign-gid' });
  });
});

describe('close()', () => {
  test('waits for open work, and takes no new', async () => {
    const open = tm.transaction(async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await orders.write('order 1');
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all([tm.close(), open]);
    expect(rows()).toEqual(['order 1']);
    expect(orders.isClosed).toBe(true);
    await expect(tm.transaction(() => 1)).rejects.toMatchObject({ code: 'closed' });
    await expect(tm.serve(new FakeDatabase('x'))).rejects.toMatchObject({ code: 'closed' });
  });
});

import { type Gid, UnanimousError } from '@unanimous/proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { CoordinatorHost, type Line } from '../support/coordinator-host.ts';
import { FakeDatabase, type FakeStore } from '../support/fake-database.ts';

let host: CoordinatorHost;
let line: Line;
let tm: TransactionClient;
let orders: FakeDatabase;
let stock: FakeDatabase;

beforeEach(async () => {
  host = await CoordinatorHost.start();
  line = host.line();
  tm = host.client({ transport: line });
  orders = await tm.serve(new FakeDatabase('orders-db'));
  stock = await tm.serve(new FakeDatabase('stock-db', undefined, { canOnePhase: true }));
});

afterEach(async () => {
  await host.close();
});

const writeBoth = async () => {
  await orders.write('order 1');
  await stock.write('item -1');
};
const rows = () => [...orders.store.rows, ...stock.store.rows];
const prepared = () => orders.store.prepared.size + stock.store.prepared.size;
const allApplied = () =>
  waitUntil(() => rows().length === 2 && prepared() === 0, { what: 'both to be applied' });
const errorOf = (failing: Promise<unknown>) =>
  failing.catch((error: unknown) => error) as Promise<UnanimousError>;
const heuristicOf = (gid = '') =>
  waitUntil(
    async () => {
      const one = await tm.outcome(gid);
      return one.heuristics.length > 0 ? one : undefined;
    },
    { what: 'the heuristic' },
  );

/** While the stock says no, somebody commits the order, which is prepared. */
function commitByHandWhilePreparing(): void {
  stock.hooks.prepare = async () => {
    delete stock.hooks.prepare;
    await waitUntil(() => orders.store.prepared.size === 1, { what: 'the other to be prepared' });
    for (const [key, { writes }] of orders.store.prepared) {
      orders.store.prepared.delete(key);
      orders.store.fates.set(key, 'committed');
      orders.store.rows.push(...writes);
    }
    throw new UnanimousError('constraint-violated', 'no stock');
  };
}

const allRolledBack = () => waitUntil(() => prepared() === 0, { what: 'nothing to be prepared' });

describe('a lost session', () => {
  test('before the commit was asked for aborts, and may be tried again', async () => {
    let tries = 0;
    const result = await tm.transaction(
      async ({ signal }) => {
        await orders.write(`try ${++tries}`);
        if (tries > 1) return;
        line.cut();
        await waitUntil(() => signal.aborted, { what: 'the signal' });
        await new Promise(() => {}); // nobody waits for a function of a transaction that is over
      },
      { retry: 1 },
    );
    expect(result.outcome).toBe('committed');
    expect(orders.store.rows).toEqual(['try 2']);

    const failing = tm.transaction(async () => {
      await writeBoth();
      line.cut();
      await new Promise((resolve) => setTimeout(resolve, 20));
    });
    await expect(failing).rejects.toMatchObject({
      code: 'aborted',
      retryable: true,
      reason: { code: 'session-lost' },
    });
    expect(rows()).toEqual(['try 2']);
  });

  test('with the answer to the commit on it gives the true outcome: committed', async () => {
    line.onFrame = (frame) => {
      if (frame.outcomes.length === 0) return true;
      line.onFrame = () => true;
      return false;
    };
    const result = await tm.transaction(writeBoth);
    expect(result).toMatchObject({ outcome: 'committed', applied: true });
    expect(line.connections).toBe(2);
    expect(rows()).toHaveLength(2);
  });

  test('with the commit itself on it gives the true outcome: aborted', async () => {
    line.onWrite = (frame) => frame.commits.length === 0;
    const failing = tm.transaction(writeBoth);
    await expect(failing).rejects.toMatchObject({ code: 'aborted', retryable: true });
    expect(rows()).toEqual([]);
    await allRolledBack();
  });

  test('with a yes vote on it ends in abort, and nothing stays prepared', async () => {
    line.onWrite = (frame) => {
      if (frame.votes.length === 0) return true;
      line.onWrite = () => true;
      return false;
    };
    await expect(tm.transaction(writeBoth)).rejects.toMatchObject({ code: 'aborted' });
    await allRolledBack();
    expect(rows()).toEqual([]);
  });

  test('with the commit messages on it: they come again', async () => {
    line.onFrame = (frame) => {
      if (frame.commits.length === 0) return true;
      line.onFrame = () => true;
      return false;
    };
    const result = await tm.transaction(writeBoth);
    expect(result.outcome).toBe('committed');
    await allApplied();
  });

  test('with the acknowledgements on it: the branches answer again from their receipts', async () => {
    line.onWrite = (frame) => {
      if (frame.acknowledgements.length === 0) return true;
      line.onWrite = () => true;
      return false;
    };
    const { gid } = await tm.transaction(writeBoth);
    await allApplied();
    await waitUntil(async () => (await tm.outcome(gid)).applied, { what: 'acknowledgements' });
  });

  test('in one phase, with the permission on it: the receipt tells', async () => {
    line.onFrame = (frame) => {
      if (!frame.commits.some(({ kind }) => kind === 'ONE_PHASE')) return true;
      line.onFrame = () => true;
      return false;
    };
    const failing = tm.transaction(() => stock.write('item -1'));
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
    expect(stock.store.calls).toContain('settle 1');
    expect(rows()).toEqual([]);
  });

  test('in one phase, with the result on it: the receipt tells', async () => {
    stock.hooks.commitOnePhase = () => {
      throw new Error('connection reset by peer');
    };
    const result = await tm.transaction(() => stock.write('item -1'));
    expect(result).toMatchObject({ outcome: 'committed', applied: true });
    expect(stock.store.calls).toContain('settle 1');
  });
});

test('one phase whose log position cannot be stored is rolled back, not left in progress', async () => {
  stock.hooks.remember = () => {
    throw new Error('connection reset by peer');
  };
  const failing = tm.transaction(() => stock.write('item -1'));
  await expect(failing).rejects.toMatchObject({ code: 'aborted' });
  expect(stock.store.open.size).toBe(0);
  expect(rows()).toEqual([]);
});

describe('a coordinator that dies', () => {
  test('before the decision: everything is rolled back, by scan', async () => {
    let isDying = false;
    host.beforeWrite = async () => {
      if (isDying) throw new Error('the disk died'); // the decision never becomes durable
    };
    stock.hooks.prepare = () => {
      isDying = true;
    };
    const waiting = tm.transaction(writeBoth, { timeoutMs: 500, waitAppliedMs: 100 });
    const failed = waiting.catch((error: unknown) => error);
    await waitUntil(() => prepared() === 2, { what: 'both to be prepared' });
    await host.down();
    isDying = false;
    delete stock.hooks.prepare;
    await host.up();
    await allRolledBack();
    expect(await failed).toMatchObject({ code: 'aborted' });
    expect(rows()).toEqual([]);
  });

  test('after the decision, before anybody heard of it: everything is committed', async () => {
    line.onFrame = (frame) => {
      if (frame.commits.length === 0) return true;
      line.isDead = true;
      void host.down();
      return false;
    };
    const waiting = tm.transaction(writeBoth);
    await waitUntil(() => line.isDead, { what: 'the decision' });
    expect(rows()).toEqual([]);
    line.onFrame = () => true;
    await host.up();
    line.isDead = false;
    expect(await waiting).toMatchObject({ outcome: 'committed', applied: true });
    await allApplied();
  });

  test('stays away: the outcome is unknown, with the gid, and can be asked for later', async () => {
    line.onFrame = (frame) => {
      if (frame.commits.length + frame.outcomes.length === 0) return true;
      line.isDead = true;
      return false;
    };
    const failed = tm.transaction(writeBoth, { timeoutMs: 300, waitAppliedMs: 0 });
    const error = (await failed.catch((one: unknown) => one)) as UnanimousError;
    expect(error).toMatchObject({ code: 'unknown', gid: expect.any(String) });
    line.onFrame = () => true;
    line.isDead = false;
    await allApplied();
    expect(await tm.outcome(error.gid ?? '')).toMatchObject({ outcome: 'committed' });
  });
});

describe('a participant that dies', () => {
  /** A second process that serves the same database. */
  async function replica(store: FakeStore, options = {}): Promise<FakeDatabase> {
    return host.client(options).serve(new FakeDatabase('orders-db', store));
  }

  test('between its prepare and its vote: another instance rolls the orphan back', async () => {
    const failing = tm.transaction(writeBoth);
    line.onWrite = (frame) => {
      if (frame.votes.length > 0) line.isDead = true;
      return !line.isDead;
    };
    const failed = failing.catch((error: unknown) => error);
    await waitUntil(() => line.isDead, { what: 'the vote to be lost' });
    expect(orders.store.prepared.size).toBe(1);
    await replica(orders.store);
    await waitUntil(() => orders.store.prepared.size === 0, { what: 'the orphan to be found' });
    expect(orders.store.rows).toEqual([]);
    line.onWrite = () => true;
    line.isDead = false;
    expect(await failed).toMatchObject({ code: 'aborted' });
  });

  test('with thousands of branches: another instance asks about all of them at once', async () => {
    const { gid: last } = await tm.transaction(writeBoth);
    const before = last.slice(0, last.lastIndexOf('-'));
    const { store } = orders;
    await tm.close();
    await host.down();
    await host.up();
    // They were prepared under gids of the epoch that is over, of which the log knows nothing.
    for (let counter = 1_000; counter < 3_500; counter++) {
      const gid = `${before}-${counter}` as Gid;
      const id = { gid, branch: 1, rm: 'orders-db', incarnation: 'i1' };
      store.prepared.set(`un1.${gid}.1.i1.orders-db`, { id, writes: ['an orphan'] });
    }
    await replica(store, { scanIntervalMs: 600_000 });
    await waitUntil(() => store.prepared.size === 0, { what: 'all orphans to be rolled back' });
    expect(store.rows).toEqual(['order 1']);
  });

  test('after its vote: another instance commits its branch', async () => {
    const other = await replica(orders.store);
    const client = host.client();
    const mine = await client.serve(new FakeDatabase('items-db'));
    line.onFrame = (frame) => {
      if (frame.commits.length > 0) line.isDead = true;
      return !line.isDead;
    };
    // The first client dies with the decision: its session began the transaction, so it asks later.
    const waiting = tm.transaction(async () => {
      await orders.write('order 1');
    });
    await waitUntil(() => orders.store.rows.length === 1, { what: 'the replica to commit' });
    expect(other.store.rows).toEqual(['order 1']);
    expect(mine.store.rows).toEqual([]);
    line.onFrame = () => true;
    line.isDead = false;
    expect(await waiting).toMatchObject({ outcome: 'committed', applied: true });
    const startedMs = performance.now();
    await tm.close();
    expect(performance.now() - startedMs).toBeLessThan(2_000); // nothing was in doubt any more
  });

  test('a scan leaves live branches of a sibling alone', async () => {
    await replica(orders.store, { scanIntervalMs: 5 });
    stock.hooks.prepare = () => new Promise((resolve) => setTimeout(resolve, 200));
    const waiting = tm.transaction(writeBoth);
    await waitUntil(() => orders.store.prepared.size === 1, { what: 'the first to be prepared' });
    expect(await waiting).toMatchObject({ outcome: 'committed', applied: true });
    expect(orders.store.calls).not.toContain('abort 1');
  });

  test('a PREPARE that lands late is found by a later scan', async () => {
    let land: () => void = () => {};
    orders.hooks.prepare = () => {
      // The statement is on its way to the database when its process loses interest.
      const landing = new Promise<void>((resolve) => (land = resolve));
      throw Object.assign(new Error('connection reset'), { landing });
    };
    const failing = tm.transaction(writeBoth);
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
    const { gid } = (await failing.catch((error: unknown) => error)) as UnanimousError;
    const id = { gid: gid as never, branch: 1, rm: 'orders-db', incarnation: 'i1' };
    orders.store.prepared.set(`un1.${gid}.1.i1.orders-db`, { id, writes: ['order 1'] });
    land();
    await waitUntil(() => orders.store.prepared.size === 0, { what: 'the orphan to be found' });
    expect(rows()).toEqual([]);
  });
});

describe('resource managers', () => {
  test('one that is down blocks no other', async () => {
    orders.hooks.scan = () => new Promise(() => {});
    orders.hooks.remembered = () => new Promise(() => {});
    line.cut();
    const result = await tm.transaction(() => stock.write('item -1'));
    expect(result).toMatchObject({ outcome: 'committed', applied: true });
  });

  test('a failing phase two is tried again until it succeeds', async () => {
    let failures = 3;
    orders.hooks.commit = () => {
      if (failures-- > 0) throw new UnanimousError('rm-unavailable', 'starting up');
    };
    expect(await tm.transaction(writeBoth)).toMatchObject({ applied: true });
    expect(orders.store.calls.filter((call) => call === 'commit 1')).toHaveLength(4);
  });

  test('a branch that somebody committed by hand is reported, not assumed', async () => {
    commitByHandWhilePreparing();
    const { gid } = await errorOf(tm.transaction(writeBoth));
    expect(await heuristicOf(gid)).toMatchObject({
      outcome: 'aborted',
      heuristics: [{ rm: 'orders-db', result: 'committed' }],
    });
  });

  test('a branch that was committed by hand is reported though its first report is lost', async () => {
    commitByHandWhilePreparing();
    let lost = 0;
    line.onWrite = (frame) => {
      const isReport = frame.acknowledgements.some(({ result }) => result === 'COMMITTED');
      return !isReport || lost++ > 0;
    };
    const { gid } = await errorOf(tm.transaction(writeBoth));
    const outcome = await heuristicOf(gid);
    expect(lost).toBeGreaterThan(1);
    expect(outcome).toMatchObject({ heuristics: [{ rm: 'orders-db', result: 'committed' }] });
    expect(orders.store.audits).toMatchObject([{ gid, branch: 1, result: 'committed' }]);
  });

  test('what an operator says is written down in the resource manager', async () => {
    commitByHandWhilePreparing();
    const { gid = '' } = await errorOf(tm.transaction(writeBoth));
    await heuristicOf(gid);
    await host.resolve(gid, 1, 'rolled-back', { operator: 'ada', reason: 'deleted it' });
    await waitUntil(() => orders.store.audits.length === 2, { what: 'the word to be written' });
    const word = { gid, branch: 1, result: 'rolled-back', reason: 'resolved by ada: deleted it' };
    expect(orders.store.audits[1]).toEqual(word);
    // The word stands: what the database remembers is no news in the next epoch.
    await host.down();
    await host.up();
    await tm.transaction(writeBoth, { retry: 3 });
    expect(host.status()).toMatchObject({ heuristic: 0 });
  });

  test('a branch that a scan finds ends by an operator’s word, once that is written down', async () => {
    const { store } = stock;
    stock.hooks.commit = () => {
      throw new Error('out of order');
    };
    const { gid } = await tm.transaction(writeBoth, { waitAppliedMs: 50 });
    await tm.close();
    await host.resolve(gid, 2, 'committed', { operator: 'ada', reason: 'it has to' });
    expect(store.prepared.size).toBe(1);
    const failures = [new Error('read-only'), new Error('read-only')];
    const successor = new FakeDatabase('stock-db', store);
    successor.hooks.audit = () => {
      expect(store.prepared.size).toBe(1);
      const failure = failures.pop();
      if (failure) throw failure;
    };
    await host.client({ scanIntervalMs: 20 }).serve(successor);
    await waitUntil(() => store.prepared.size === 0, { what: 'the branch to end' });
    const reason = 'resolved by ada: it has to';
    expect(failures).toEqual([]);
    expect(store.audits).toEqual([{ gid, branch: 2, result: 'committed', reason }]);
    expect(store.rows).toEqual(['item -1']);
  });

  test('one that failed over is opened again, and serves on under its new incarnation', async () => {
    const opened: string[] = [];
    orders.hooks.scan = () => {
      if (!opened.includes('i2')) throw new UnanimousError('rm-unavailable', 'was i1, is i2');
    };
    orders.hooks.open = () => {
      orders.identity = { ...orders.identity, incarnation: 'i2' };
      opened.push('i2');
    };
    await waitUntil(() => opened.length > 0, { what: 'it to be opened again' });
    await tm.transaction(writeBoth, { retry: 3 });
    expect(orders.store.incarnations.at(-1)).toBe('i2');
    const openedOnce = opened.length;
    await tm.transaction(writeBoth, { retry: 3 });
    expect(opened).toHaveLength(openedOnce);
  });

  test('one that became another is not written to before the coordinator accepts it', async () => {
    let isOther = false;
    orders.hooks.scan = () => {
      if (!isOther) throw new UnanimousError('rm-unavailable', 'another cluster answers');
    };
    orders.hooks.open = () => {
      orders.identity = { identity: 'fake:elsewhere', incarnation: 'i1' };
      isOther = true;
    };
    await waitUntil(() => isOther, { what: 'it to be opened again' });
    const failure = await errorOf(tm.transaction(writeBoth, { timeoutMs: 500 }));
    expect(failure.code).not.toBe('unknown');
    expect(rows()).toEqual([]);
  });

  test('the log position is stored before the first commit of an epoch', async () => {
    let stored = 0;
    orders.hooks.remember = async () => {
      expect(orders.store.rows).toEqual([]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      stored += 1;
    };
    await tm.transaction(writeBoth);
    expect(stored).toBe(1);
    delete orders.hooks.remember;
    await tm.transaction(writeBoth);
    expect(orders.store.positions).toHaveLength(1); // the next only a second later
    await host.down();
    await host.up();
    await tm.transaction(writeBoth, { retry: 3 });
    expect(orders.store.positions.map(({ epoch }) => epoch)).toEqual([1, 2]);
  });

  test('a position that cannot be stored holds up the commit, and says so', async () => {
    let isFull = true;
    orders.hooks.remember = () => {
      if (isFull) throw new Error('disk full');
    };
    const result = await tm.transaction(writeBoth, { waitAppliedMs: 300 });
    expect(result).toMatchObject({ applied: false, pending: [{ rm: 'orders-db' }] });
    isFull = false;
    await allApplied();
  });

  test('another database under the same name is refused, typed, and not served', async () => {
    const other = new FakeDatabase('orders-db');
    other.identity = { identity: 'fake:elsewhere', incarnation: 'i1' };
    const client = host.client();
    await expect(client.serve(other)).rejects.toMatchObject({ code: 'rm-identity-mismatch' });
    expect(other.isClosed).toBe(true);
    await expect(client.serve(new FakeDatabase('orders-db'))).resolves.toBeDefined();
  });

  test('one that cannot be opened says why', async () => {
    const broken = new FakeDatabase('broken-db');
    broken.hooks.open = () => {
      throw new UnanimousError('prepared-disabled', 'max_prepared_transactions is 0');
    };
    await expect(tm.serve(broken)).rejects.toMatchObject({ code: 'prepared-disabled' });
  });
});

describe('a process of its own', () => {
  test('joins by gid, works in its own databases, and all commit together', async () => {
    const service = host.client();
    const items = await service.serve(new FakeDatabase('items-db'));
    const result = await tm.transaction(async ({ gid, remainingMs }) => {
      await orders.write('order 1');
      const joined = service.join(gid, remainingMs());
      await joined.run(() => items.write('item -1'));
      expect(joined.answer()).toBeUndefined();
    });
    expect(result.applied).toBe(true);
    expect(items.store.rows).toEqual(['item -1']);
  });

  test('is refused work for a transaction that is over', async () => {
    const service = host.client();
    const items = await service.serve(new FakeDatabase('items-db'));
    const { gid } = await tm.transaction(writeBoth);
    const joined = service.join(gid, 1_000);
    await expect(joined.run(() => items.write('late'))).rejects.toMatchObject({ code: 'not-live' });
    joined.fail(new Error('refused'));
    expect(items.store.rows).toEqual([]);
  });
});

import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { waitUntil } from '../../../support/wait-until.ts';
import { errorOf, type ResourceFixture, type TestTransaction } from '../branches.ts';
import type { Builder, SetUp, Statements } from './builder.ts';

/** What the contract needs of a builder's test. */
export interface Contract {
  /** An empty database. */
  readonly database: () => Promise<string>;
  readonly setUp: SetUp;
}

const changedMind = async (tx: Statements, id: number) => {
  await tx.insert(id, 'not kept');
  throw new Error('changed my mind');
};

/** What holds for every builder inside a branch. Call it inside a `describe`. */
export function builderContract({ database, setUp }: Contract): void {
  let fixture: ResourceFixture<any>;
  let builder: Builder;
  let observer: pg.Client;

  beforeAll(async () => {
    const url = await database();
    observer = new pg.Client({ connectionString: url });
    await observer.connect();
    await observer.query('CREATE TABLE dishes (id int PRIMARY KEY, name text NOT NULL)');
    ({ fixture, builder } = await setUp(url));
  });
  beforeEach(() => observer.query('DELETE FROM dishes'));
  // What a test that failed has left open would hold up all that follow.
  afterEach(async () => {
    await fixture.host.rollBackAll();
    for (const id of await fixture.resource.scan()) await fixture.resource.abort(id, '');
  });
  afterAll(async () => {
    await builder.close?.();
    await fixture[Symbol.asyncDispose]();
    await observer.end();
  });

  const stored = async () =>
    (await observer.query('SELECT name FROM dishes ORDER BY id')).rows.map((row) => row.name);

  /** Runs it in a branch, prepares, commits, and gives the names that are stored then. */
  async function committed(work: () => Promise<unknown>): Promise<unknown[]> {
    const prepared = await fixture.prepared(work);
    expect(await stored()).toEqual([]);
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    return stored();
  }

  /** The branch can only vote no, and leaves nothing. */
  async function expectNo({ open }: TestTransaction, code: string | RegExp): Promise<Error> {
    const error = await errorOf(open.prepare());
    expect(error.code).toMatch(code);
    await open.rollback();
    expect(await stored()).toEqual([]);
    return error;
  }

  test('writes what it writes when the decision falls, and reads its own', async () => {
    const work = async () => {
      await builder.insert(1, 'ramen');
      await builder.insert(2, 'udon');
      await builder.rename(2, 'soba');
      expect(await builder.names()).toEqual(['ramen', 'soba']);
      expect(await stored()).toEqual([]);
    };
    expect(await committed(work)).toEqual(['ramen', 'soba']);
  });

  test('leaves nothing of a branch that is aborted, before its vote or after', async () => {
    const early = await fixture.run(() => builder.insert(1, 'ramen'));
    await early.open.rollback();
    const { id, receipt } = await fixture.prepared(() => builder.insert(1, 'udon'));
    expect(await fixture.resource.abort(id, receipt)).toEqual({ result: 'rolled-back' });
    expect(await stored()).toEqual([]);
  });

  test('goes to its ordinary connections outside a transaction', async () => {
    await builder.insert(1, 'ramen');
    expect(await stored()).toEqual(['ramen']);
    await builder.transaction((tx) => tx.insert(2, 'udon'));
    await errorOf(builder.transaction((tx) => changedMind(tx, 3)));
    expect(await stored()).toEqual(['ramen', 'udon']);
  });

  test('its own transaction opens the branch and ends nothing', async () => {
    const work = async () => {
      await builder.transaction((tx) => tx.insert(1, 'ramen'));
      expect(await stored()).toEqual([]);
      await builder.insert(2, 'udon');
    };
    expect(await committed(work)).toEqual(['ramen', 'udon']);
  });

  test('its later transaction is a savepoint: a rollback undoes that part alone', async () => {
    const work = async () => {
      await builder.insert(1, 'ramen');
      const error = await errorOf(builder.transaction((tx) => changedMind(tx, 2)));
      expect(error.message).toContain('changed my mind');
      const broken = builder.transaction(async (tx) => {
        await tx.insert(3, 'undone');
        await tx.raw('SELECT nonsense');
      });
      expect(inspect(await errorOf(broken))).toContain('nonsense');
      await builder.transaction((tx) => tx.insert(4, 'udon'));
    };
    expect(await committed(work)).toEqual(['ramen', 'udon']);
  });

  test('a transaction inside its own is a savepoint as well', async () => {
    const work = () =>
      builder.transaction(async (tx) => {
        await tx.insert(1, 'ramen');
        await errorOf(tx.nested((inner) => changedMind(inner, 2)));
        await tx.nested((inner) => inner.insert(3, 'udon'));
      });
    expect(await committed(work)).toEqual(['ramen', 'udon']);
  });

  test('its transaction that was begun outside stays outside', async () => {
    let transaction: TestTransaction | undefined;
    await builder.transaction(async (tx) => {
      transaction = await fixture.run(() => tx.insert(1, 'ramen'));
    });
    expect(transaction?.opened).toBeUndefined();
    expect(await stored()).toEqual(['ramen']);
  });

  test('the rollback of the transaction that opened the branch dooms it', async () => {
    const transaction = await fixture.run(async () => {
      const error = await errorOf(builder.transaction((tx) => changedMind(tx, 1)));
      expect(error.message).toContain('changed my mind');
    });
    await expectNo(transaction, 'branch-doomed');
  });

  test('a statement that fails leaves a branch that can only vote no, and says why', async () => {
    const transaction = await fixture.run(async () => {
      await builder.insert(1, 'ramen');
      expect(inspect(await errorOf(builder.raw('SELECT nonsense')))).toContain('nonsense');
      await errorOf(builder.insert(2, 'udon'));
    });
    const error = await expectNo(transaction, 'branch-doomed');
    expect(error.message).toContain('nonsense');
  });

  test('Promise.all is safe', async () => {
    const ids = [1, 2, 3, 4, 5, 6, 7, 8];
    const work = () =>
      Promise.all([
        ...ids.map((id) => builder.insert(id, `plain ${id}`)),
        ...ids.map((id) => builder.transaction((tx) => tx.insert(id + 8, `own ${id}`))),
        builder.names(),
      ]);
    expect(await committed(work)).toHaveLength(16);
  });

  test('a statement that comes late is refused by its name', async () => {
    const transaction = await fixture.run(() => builder.insert(1, 'ramen'));
    const vote = await transaction.open.prepare();
    const late = fixture.host.within(transaction, () => builder.raw('DELETE FROM dishes'));
    const text = inspect(await errorOf(late), { depth: 8 });
    expect(text).toContain('the transaction was over before this statement');
    expect(text).toContain('DELETE FROM dishes');
    expect(vote.vote).toBe('yes');
  });

  test('the isolation level of the transaction that opens the branch is the branch’s', async () => {
    const level = "SELECT current_setting('transaction_isolation') AS value";
    const { open } = await fixture.run(async () => {
      await builder.transaction(async (tx) => {
        expect(await tx.value(level)).toBe('serializable');
      }, 'serializable');
      expect(await builder.value(level)).toBe('serializable');
    });
    expect(await open.prepare()).toEqual({ vote: 'read-only' });
  });

  test('another isolation level later is refused, and nothing runs without it', async () => {
    const transaction = await fixture.run(async () => {
      await builder.insert(1, 'ramen');
      const other = builder.transaction((tx) => tx.insert(2, 'not kept'), 'serializable');
      const text = inspect(await errorOf(other), { depth: 8 });
      expect(text).toMatch(/already open without ISOLATION LEVEL SERIALIZABLE/i);
      const same = builder.transaction((tx) => tx.insert(3, 'udon'), 'read committed');
      if (builder.givesUpWhenRefused) await errorOf(same);
      else await same;
    });
    if (builder.givesUpWhenRefused) {
      await expectNo(transaction, 'branch-doomed');
      return;
    }
    expect(await transaction.open.prepare()).toMatchObject({ vote: 'yes' });
    await fixture.commit({ id: transaction.id, receipt: '' });
    expect(await stored()).toEqual(['ramen', 'udon']);
  });

  test('a branch that only reads is recognised', async () => {
    const { open } = await fixture.run(async () => {
      await builder.names();
      await builder.transaction((tx) => tx.names());
    });
    expect(await open.prepare()).toEqual({ vote: 'read-only' });
  });

  const pidQuery = 'SELECT pg_backend_pid() AS value';
  const isThere = async (pid: unknown) =>
    (await observer.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])).rowCount === 1;
  const untilGone = (pid: unknown) =>
    waitUntil(async () => !(await isThere(pid)), { what: 'the backend to end' });

  test('gives its connection back: no branch leaks any', async () => {
    const pids = new Set<unknown>();
    for (let count = 1; count <= 6; count += 1) {
      const prepared = await fixture.prepared(async () => {
        pids.add(await builder.value(pidQuery));
        await builder.transaction((tx) => tx.insert(count, 'ramen'));
        pids.add(await builder.value(pidQuery));
      });
      await fixture.commit(prepared);
    }
    expect(pids.size).toBeLessThanOrEqual(2);
  });

  test('the connection that saw an error is closed', async () => {
    let pid: unknown;
    const { open } = await fixture.run(async () => {
      pid = await builder.value(pidQuery);
      expect(await isThere(pid)).toBe(true);
      await errorOf(builder.raw('SELECT nonsense'));
    });
    await open.rollback();
    await untilGone(pid);
  });

  test.each([
    "PREPARE TRANSACTION 'mine'",
    "COMMIT PREPARED 'mine'",
    "ROLLBACK PREPARED 'mine'",
    'COMMIT AND CHAIN',
    'INSERT INTO dishes VALUES (9, $$x$$); COMMIT',
  ])('refuses %s, and sends nothing of it', async (text) => {
    const work = async () => {
      await builder.insert(1, 'ramen');
      const plain = await errorOf(builder.raw(text));
      const own = await errorOf(builder.transaction((tx) => tx.raw(text)));
      for (const error of [plain, own]) {
        expect(inspect(error, { depth: 8 })).toContain('would end the transaction');
      }
    };
    expect(await committed(work)).toEqual(['ramen']);
  });

  test.each([
    'CREATE TEMPORARY TABLE scratch (a int)',
    'LISTEN news',
    'NOTIFY news',
    'DECLARE kept CURSOR WITH HOLD FOR SELECT 1',
  ])('%s makes the vote no, with the remedy, and leaves no session behind', async (text) => {
    let pid: unknown;
    const transaction = await fixture.run(async () => {
      pid = await builder.value(pidQuery);
      await builder.insert(1, 'ramen');
      await builder.raw(text);
    });
    const error = await expectNo(transaction, 'prepare-refused');
    expect((error as { hint?: string }).hint).toContain('Do that outside the transaction');
    await untilGone(pid);
  });

  test('session settings and session locks go with the branch', async () => {
    let pid: unknown;
    const work = async () => {
      pid = await builder.value(pidQuery);
      await builder.insert(1, 'ramen');
      await builder.raw('SET statement_timeout = 12345');
      await builder.raw('SELECT pg_advisory_lock(7)');
    };
    expect(await committed(work)).toEqual(['ramen']);
    await untilGone(pid);
    const { open } = await fixture.run(async () => {
      const setting = "SELECT current_setting('statement_timeout') AS value";
      expect(await builder.value(setting)).toBe('0');
    });
    await open.rollback();
  });
}

import { type Generated, Kysely, PostgresDialect, sql as raw } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { errorOf, type Fixture, pause, TestPostgres, values } from './branches.ts';

interface Database {
  readonly t: { a: Generated<number> };
}

serverOrSkip('postgres').describe('kysely over the pool', () => {
  let postgres: TestPostgres;
  let fixture: Fixture;
  let db: Kysely<Database>;

  beforeAll(async () => {
    postgres = await TestPostgres.start();
    fixture = await postgres.fixture();
    db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: fixture.pool }) });
  });
  afterAll(async () => {
    await db.destroy();
    await fixture[Symbol.asyncDispose]();
    await postgres.server.stop();
  });

  const insert = (on: Kysely<Database>, a: number) => on.insertInto('t').values({ a }).execute();
  const failing = async (on: Kysely<Database>, a: number) => {
    await insert(on, a);
    throw new Error('changed my mind');
  };

  /** Runs it, prepares, commits, and gives what is in the table; empties it. */
  async function committed(work: () => Promise<unknown>): Promise<unknown[]> {
    expect(await fixture.commit(await fixture.prepared(work))).toEqual({ result: 'committed' });
    const found = await values(fixture.url);
    await db.deleteFrom('t').execute();
    return found;
  }

  test('outside a transaction of ours nothing changes', async () => {
    await db.transaction().execute((trx) => insert(trx, 1));
    await errorOf(db.transaction().execute((trx) => failing(trx, 2)));
    expect(await values(fixture.url)).toEqual([1]);
    await db.deleteFrom('t').execute();
  });

  test('plain queries ride the branch', async () => {
    expect(
      await committed(async () => {
        const inserted = await db.insertInto('t').values({ a: 1 }).returning('a').execute();
        expect(inserted).toEqual([{ a: 1 }]);
        expect(await values(fixture.url)).toEqual([]);
        const { numUpdatedRows } = await db.updateTable('t').set({ a: 2 }).executeTakeFirst();
        expect(numUpdatedRows).toBe(1n);
      }),
    ).toEqual([2]);
  });

  test('its transaction opens the branch, and its COMMIT leaves it open', async () => {
    const work = async () => {
      await db.transaction().execute((trx) => insert(trx, 1));
      expect(await values(fixture.url)).toEqual([]);
    };
    expect(await committed(work)).toEqual([1]);
  });

  test('a later transaction is a savepoint: its rollback undoes it alone', async () => {
    const work = async () => {
      await insert(db, 1);
      await errorOf(db.transaction().execute((trx) => failing(trx, 2)));
      await db.transaction().execute((trx) => insert(trx, 3));
      const broken = db.transaction().execute((trx) => raw`SELECT nonsense`.execute(trx));
      expect(await errorOf(broken)).toMatchObject({ code: '42703' });
      await insert(db, 4);
    };
    expect(await committed(work)).toEqual([1, 3, 4]);
  });

  test('nested transactions by its own savepoints', async () => {
    const work = async () => {
      const trx = await db.startTransaction().execute();
      await insert(trx, 1);
      const inner = await trx.savepoint('Inner').execute();
      await insert(inner, 2);
      await inner.rollbackToSavepoint('Inner').execute();
      const kept = await trx.savepoint('kept').execute();
      await insert(kept, 3);
      await kept.releaseSavepoint('kept').execute();
      await trx.commit().execute();
    };
    expect(await committed(work)).toEqual([1, 3]);
  });

  test('transactions side by side are all kept', async () => {
    const work = () =>
      Promise.all([1, 2, 3, 4].map((a) => db.transaction().execute((trx) => insert(trx, a))));
    expect(await committed(work)).toEqual([1, 2, 3, 4]);
  });

  test('a rollback that would undo what runs beside it dooms the branch', async () => {
    const { dooms, open } = await fixture.run(async () => {
      await insert(db, 1);
      const undone = db.transaction().execute(async (trx) => {
        await insert(trx, 2);
        await pause(20);
        throw new Error('changed my mind');
      });
      await Promise.all([errorOf(undone), pause(10).then(() => insert(db, 3))]);
    });
    expect(dooms).toMatchObject([{ code: 'branch-doomed' }]);
    expect(dooms[0]?.message).toContain('beside it');
    await open.rollback();
    expect(await values(fixture.url)).toEqual([]);
  });

  test('the rollback of the transaction that opened the branch dooms it', async () => {
    const { dooms, open } = await fixture.run(async () => {
      const error = await errorOf(db.transaction().execute((trx) => failing(trx, 1)));
      expect(error.message).toBe('changed my mind');
      expect(await errorOf(insert(db, 2))).toMatchObject({ code: 'branch-doomed' });
    });
    expect(dooms).toMatchObject([{ code: 'branch-doomed' }]);
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'branch-doomed' });
    await open.rollback();
    expect(await values(fixture.url)).toEqual([]);
  });

  test('in a doomed branch a builder sees its own error, not its rollback’s', async () => {
    const { open } = await fixture.run(async () => {
      const broken = await fixture.pool.connect();
      const work = db.transaction().execute(async (trx) => {
        await insert(trx, 1);
        broken.release(true);
        throw new Error('changed my mind');
      });
      expect((await errorOf(work)).message).toBe('changed my mind');
    });
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'branch-doomed' });
    await open.rollback();
  });

  test('a branch that is rolled back under a builder lets it clean up', async () => {
    let work: Promise<Error> | undefined;
    const { open } = await fixture.run(async () => {
      await insert(db, 1);
      work = errorOf(db.transaction().execute((trx) => raw`SELECT pg_sleep(60)`.execute(trx)));
      await pause(50);
    });
    await open.rollback();
    expect(await work).toMatchObject({ code: '57014' });
  });

  test('the opening transaction’s isolation level and access mode are the branch’s', async () => {
    const { open } = await fixture.run(async () => {
      const transaction = db.transaction().setIsolationLevel('serializable');
      await transaction.setAccessMode('read only').execute(async (trx) => {
        const settings = raw<{ level: string; readonly: string }>`
          SELECT current_setting('transaction_isolation') AS level,
            current_setting('transaction_read_only') AS readonly`;
        expect((await settings.execute(trx)).rows).toEqual([
          { level: 'serializable', readonly: 'on' },
        ]);
      });
    });
    expect(await open.prepare()).toEqual({ vote: 'read-only' });
  });

  test('a later transaction with another level is refused, with the same it is not', async () => {
    const work = async () => {
      await insert(db, 1);
      const serializable = db.transaction().setIsolationLevel('serializable');
      const error = await errorOf(serializable.execute((trx) => insert(trx, 2)));
      expect(error).toMatchObject({ code: 'transaction-control' });
      expect(error.message).toContain('ISOLATION LEVEL SERIALIZABLE');
      const readOnly = db.transaction().setAccessMode('read only');
      expect(await errorOf(readOnly.execute((trx) => insert(trx, 2)))).toMatchObject({
        code: 'transaction-control',
      });
      const same = db.transaction().setIsolationLevel('read committed').setAccessMode('read write');
      await same.execute((trx) => insert(trx, 3));
    };
    expect(await committed(work)).toEqual([1, 3]);
  });

  test('one connection for several queries', async () => {
    const work = () =>
      db.connection().execute(async (connection) => {
        await insert(connection, 1);
        await connection.transaction().execute((trx) => insert(trx, 2));
      });
    expect(await committed(work)).toEqual([1, 2]);
  });
});

import { drizzle } from 'drizzle-orm/mysql2';
import { int, mysqlTable } from 'drizzle-orm/mysql-core';
import { sql as drizzleSql } from 'drizzle-orm';
import knex from 'knex';
import { Kysely, MysqlDialect, sql as kyselySql } from 'kysely';
import type { Pool } from 'mysql2';
import mysql2 from 'mysql2';
import promiseMysql2 from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { errorOf, type Fixture, pause, TestMariadb } from './branches.ts';

/** What the suite asks of a builder: its own inserts, reads and transactions, nothing of ours. */
interface Builder {
  insert(a: number): Promise<unknown>;
  /** All values of the table, in order. */
  read(): Promise<number[]>;
  /** As `read`, row by row, where the builder can. */
  stream?(): Promise<number[]>;
  /** Runs `work` in the builder's own transaction, with a builder that belongs to it. */
  transaction(work: (inner: Builder) => Promise<unknown>): Promise<unknown>;
  raw(text: string): Promise<unknown>;
  /** A transaction at a level of its own, where the builder can. */
  serializable?(work: (inner: Builder) => Promise<unknown>): Promise<unknown>;
}

const t = mysqlTable('t', { a: int() });
const numbers = (rows: unknown) => (rows as { a: number }[]).map(({ a }) => a);

function kyselyBuilder(pool: Pool): Builder {
  type Db = Kysely<{ t: { a: number } }>;
  const wrap = (db: Db): Builder => ({
    insert: (a) => db.insertInto('t').values({ a }).execute(),
    read: async () => numbers(await db.selectFrom('t').select('a').orderBy('a').execute()),
    async stream() {
      const values: number[] = [];
      for await (const { a } of db.selectFrom('t').select('a').orderBy('a').stream())
        values.push(a);
      return values;
    },
    transaction: (work) => db.transaction().execute((trx) => work(wrap(trx))),
    serializable: (work) =>
      db
        .transaction()
        .setIsolationLevel('serializable')
        .execute((trx) => work(wrap(trx))),
    raw: (text) => kyselySql.raw(text).execute(db),
  });
  return wrap(new Kysely({ dialect: new MysqlDialect({ pool }) }));
}

function drizzleBuilder(client: object): Builder {
  type Db = ReturnType<typeof drizzle>;
  const wrap = (db: Db): Builder => ({
    insert: (a) => db.insert(t).values({ a }),
    read: async () => numbers(await db.select().from(t).orderBy(t.a)),
    async stream() {
      const values: (number | null)[] = [];
      for await (const { a } of db.select().from(t).orderBy(t.a).iterator()) values.push(a);
      return values as number[];
    },
    transaction: (work) => db.transaction((trx) => work(wrap(trx as unknown as Db))),
    serializable: (work) =>
      db.transaction((trx) => work(wrap(trx as unknown as Db)), {
        isolationLevel: 'serializable',
      }),
    raw: (text) => db.execute(drizzleSql.raw(text)),
  });
  return wrap(drizzle({ client: client as never }));
}

function knexBuilder(pool: Pool): Builder {
  type Db = knex.Knex;
  const wrap = (db: Db): Builder => ({
    insert: (a) => db('t').insert({ a }),
    read: async () => numbers(await db('t').select('a').orderBy('a')),
    async stream() {
      const values: number[] = [];
      for await (const { a } of db('t').select('a').orderBy('a').stream()) values.push(a);
      return values;
    },
    transaction: (work) => db.transaction((trx) => work(wrap(trx))),
    serializable: (work) =>
      db.transaction((trx) => work(wrap(trx)), { isolationLevel: 'serializable' }),
    raw: (text) => db.raw(text),
  });
  return wrap(knex({ client: 'mysql2', connectionPool: pool as never }));
}

function promiseBuilder(pool: Pool, by: 'query' | 'execute'): Builder {
  interface Db {
    query(sql: string, values?: unknown): Promise<[unknown, unknown]>;
    execute(sql: string, values?: unknown): Promise<[unknown, unknown]>;
  }
  const wrap = (db: Db): Builder => ({
    insert: (a) => db[by]('INSERT INTO t VALUES (?)', [a]),
    read: async () => numbers((await db[by]('SELECT a FROM t ORDER BY a'))[0]),
    async transaction(work) {
      const connection = await pool.promise().getConnection();
      await connection.beginTransaction();
      try {
        const result = await work(wrap(connection));
        await connection.commit();
        return result;
      } catch (error) {
        await connection.rollback();
        throw error;
      } finally {
        connection.release();
      }
    },
    raw: (text) => db.query(text),
  });
  return wrap(pool.promise());
}

function callbackBuilder(pool: Pool): Builder {
  type Db = Pick<mysql2.Connection, 'query'>;
  const call = (run: (done: (error: Error | null, result?: unknown) => void) => unknown) =>
    new Promise<unknown>((resolve, reject) => {
      run((error, result) => (error ? reject(error) : resolve(result)));
    });
  const wrap = (db: Db): Builder => ({
    insert: (a) => call((done) => db.query('INSERT INTO t SET ?', { a }, done)),
    read: async () => numbers(await call((done) => db.query('SELECT a FROM t ORDER BY a', done))),
    async stream() {
      const values: number[] = [];
      const rows = db.query({ sql: 'SELECT a FROM t ORDER BY a', rowsAsArray: true }).stream();
      for await (const [a] of rows) values.push(a);
      return values;
    },
    async transaction(work) {
      const connection = (await call((done) => pool.getConnection(done))) as mysql2.PoolConnection;
      await call((done) => connection.beginTransaction(done));
      try {
        const result = await work(wrap(connection));
        await call((done) => connection.commit(done));
        return result;
      } catch (error) {
        await call((done) => connection.rollback(done));
        throw error;
      } finally {
        connection.release();
      }
    },
    raw: (text) => call((done) => db.query(text, done)),
  });
  return wrap(pool);
}

const builders: Record<string, { make(pool: Pool): Builder; mysql2: object }> = {
  'plain mysql2, callbacks': { make: callbackBuilder, mysql2 },
  'plain mysql2, promise(), query': { make: (pool) => promiseBuilder(pool, 'query'), mysql2 },
  'mysql2/promise, execute': {
    make: (pool) => promiseBuilder(pool, 'execute'),
    mysql2: promiseMysql2,
  },
  kysely: { make: kyselyBuilder, mysql2 },
  drizzle: { make: drizzleBuilder, mysql2 },
  'drizzle over promise()': {
    make: (pool) => drizzleBuilder(pool.promise()),
    mysql2: promiseMysql2,
  },
  knex: { make: knexBuilder, mysql2 },
};

serverOrSkip('mariadb').describe('builders over the pool', () => {
  let mariadb: TestMariadb;

  beforeAll(async () => {
    mariadb = await TestMariadb.start();
  });
  afterAll(() => mariadb.server.stop());

  describe.each(Object.entries(builders))('%s', (_, builder) => {
    let fixture: Fixture;
    let db: Builder;
    beforeAll(async () => {
      fixture = await mariadb.fixture({
        mysql2: builder.mysql2 as typeof mysql2,
        connectionLimit: 2,
      });
      db = builder.make(fixture.pool);
    });
    afterEach(async () => {
      await fixture.clear();
      fixture.sql('DELETE FROM t');
    });
    afterAll(() => fixture[Symbol.asyncDispose]());

    test('outside a transaction everything is as ever', async () => {
      await db.insert(1);
      await db.transaction((inner) => inner.insert(2));
      await expect(
        db.transaction(async (inner) => {
          await inner.insert(3);
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      expect(fixture.values()).toEqual([1, 2]);
      expect(await db.read()).toEqual([1, 2]);
      if (db.stream) expect(await db.stream()).toEqual([1, 2]);
    });

    test('inside one all of it commits at once, the builder’s transactions with it', async () => {
      const prepared = await fixture.prepared(async () => {
        await db.insert(1);
        await db.transaction(async (inner) => {
          await inner.insert(2);
          expect(await inner.read()).toEqual([1, 2]);
        });
        expect(await db.read()).toEqual([1, 2]);
        if (db.stream) expect(await db.stream()).toEqual([1, 2]);
        await Promise.all([db.insert(3), db.insert(4), db.insert(5)]);
      });
      expect(fixture.values()).toEqual([]);
      expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
      expect(fixture.values()).toEqual([1, 2, 3, 4, 5]);
    });

    test('the builder’s transaction may open the branch', async () => {
      const prepared = await fixture.prepared(() => db.transaction((inner) => inner.insert(1)));
      await fixture.commit(prepared);
      expect(fixture.values()).toEqual([1]);
      expect(await db.read()).toEqual([1]);
    });

    test('an inner rollback takes back its own work alone', async () => {
      const prepared = await fixture.prepared(async () => {
        await db.insert(1);
        const failing = db.transaction(async (inner) => {
          await inner.insert(2);
          throw new Error('no');
        });
        expect((await errorOf(failing)).message).toBe('no');
        await db.insert(3);
      });
      await fixture.commit(prepared);
      expect(fixture.values()).toEqual([1, 3]);
    });

    test('nested transactions of the builder, where it has them', async () => {
      if (!db.serializable) return;
      const prepared = await fixture.prepared(() =>
        db.transaction(async (outer) => {
          await outer.insert(1);
          // kysely has none, and says so
          const nested = Promise.resolve().then(() =>
            outer.transaction(async (inner) => {
              await inner.insert(2);
              throw new Error('no');
            }),
          );
          await errorOf(nested);
        }),
      );
      await fixture.commit(prepared);
      expect(fixture.values()).toEqual([1]);
    });

    test('the isolation level of the transaction that opens the branch is its own', async () => {
      if (!db.serializable) return;
      const { open, id } = await fixture.run(() =>
        db.serializable?.(async (inner) => {
          await inner.read();
          await pause(150); // the server's list is that old at most
          const level = 'SELECT trx_isolation_level FROM information_schema.innodb_trx';
          expect(fixture.sql(level)).toContain('SERIALIZABLE');
          await inner.insert(1);
        }),
      );
      expect(await open.prepare()).toMatchObject({ vote: 'yes' });
      await fixture.resource.abort(id, '');
      const late = await fixture.run(async () => {
        await db.insert(1);
        const error = await errorOf(db.serializable?.((inner) => inner.insert(2)));
        expect(String([error.code, error.message, error.cause])).toContain('already open without');
      });
      await late.open.rollback();
    });

    test('DDL is refused, and the branch is whole after it', async () => {
      const prepared = await fixture.prepared(async () => {
        await db.insert(1);
        const error = await errorOf(db.raw('CREATE TABLE made (a int)'));
        const { code, cause = {} } = error as { code?: string; cause?: { code?: string } };
        expect([code, cause.code]).toContain('transaction-control');
        await db.insert(2);
      });
      await fixture.commit(prepared);
      expect(fixture.values()).toEqual([1, 2]);
      expect(fixture.sql("SHOW TABLES LIKE 'made'")).toBe('');
    });

    test('work after the end is refused, and so is all work when the branch was rolled back', async () => {
      const transaction = await fixture.run(() => db.insert(1));
      await transaction.open.rollback();
      const late = await errorOf(fixture.host.within(transaction, async () => await db.insert(2)));
      expect(String([late.message, (late.cause as Error | undefined)?.message])).toContain(
        'was over before',
      );
      expect(fixture.values()).toEqual([]);
    });
  });
});

import { EventEmitter } from 'node:events';
import mysql2, { type PoolConnection } from 'mysql2';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { errorOf, type Fixture, TestMariadb } from './branches.ts';

serverOrSkip('mariadb').describe('the pool of mysql2 in the user’s hands', () => {
  let mariadb: TestMariadb;
  let fixture: Fixture;

  beforeAll(async () => {
    mariadb = await TestMariadb.start();
    fixture = await mariadb.fixture();
  });
  afterEach(async () => {
    await fixture.clear();
    fixture.sql('DELETE FROM t');
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await mariadb.server.stop();
  });

  test('is the user’s own pool outside a transaction', async () => {
    expect(fixture.pool).toBeInstanceOf(EventEmitter);
    expect(fixture.pool.constructor).toBe(mysql2.createPool({}).constructor);
    const connection = await fixture.pool.promise().getConnection();
    await connection.query('BEGIN');
    await connection.query('INSERT INTO t VALUES (1)');
    await connection.query('COMMIT');
    connection.release();
    expect(await fixture.query('SELECT ? + 1 AS n', [2])).toEqual([{ n: 3 }]);
    expect(fixture.values()).toEqual([1]);
  });

  test('gives all leases of a transaction one connection', async () => {
    const id = 'SELECT CONNECTION_ID() AS id';
    const seen = new Set<number>();
    const { open } = await fixture.run(async () => {
      const pool = fixture.pool.promise();
      const [one, two] = await Promise.all([pool.getConnection(), pool.getConnection()]);
      const on = [pool, one, two, pool];
      const results = await Promise.all(on.map(async (each) => (await each.query(id))[0]));
      for (const rows of results) seen.add((rows as { id: number }[])[0]?.id ?? 0);
      one.release();
      two.release();
    });
    await open.rollback();
    expect(seen.size).toBe(1);
  });

  test('runs statements in their order, one at a time, though none is awaited', async () => {
    const { open } = await fixture.run(async () => {
      const pool = fixture.pool.promise();
      for (const on of [pool, await pool.getConnection()]) {
        const pairs = Array.from({ length: 40 }, (_, a): Promise<unknown[]>[] => [
          on.query('INSERT INTO t VALUES (?)', [a]),
          on.execute('SELECT COUNT(*) AS n FROM t'),
        ]);
        const results = await Promise.all(pairs.flat());
        const counts = results.flatMap(([rows]) => (Array.isArray(rows) ? rows : []));
        expect(counts).toEqual(Array.from({ length: 40 }, (_, n) => ({ n: n + 1 })));
        await on.query('DELETE FROM t');
      }
    });
    await open.rollback();
  });

  test('calls back in the caller’s context, event by event too', async () => {
    const prepared = await fixture.prepared(
      () =>
        new Promise<void>((resolve, reject) => {
          fixture.pool.getConnection((error, connection: PoolConnection) => {
            if (error) return reject(error);
            connection.query('INSERT INTO t VALUES (1)', (failed) => {
              if (failed) return reject(failed);
              connection.release();
              // Only in the transaction's context does this one belong to it.
              fixture.pool.execute('INSERT INTO t VALUES (?)', [2], (late) => {
                if (late) return reject(late);
                const rows: unknown[] = [];
                const command = fixture.pool.query('SELECT a FROM t ORDER BY a');
                command.on('result', (row) => rows.push(row));
                command.on('end', () => {
                  expect(rows).toEqual([{ a: 1 }, { a: 2 }]);
                  resolve();
                });
              });
            });
          });
        }),
    );
    expect(fixture.values()).toEqual([]);
    await fixture.commit(prepared);
    expect(fixture.values()).toEqual([1, 2]);
  });

  test('a connection made inside a transaction does not carry it on', async () => {
    await using own = await mariadb.fixture({ connectionLimit: 1 });
    const { open } = await own.run(() => own.query('SELECT 1'));
    await open.rollback();
    await new Promise<void>((resolve, reject) => {
      own.pool.query('SELECT 1', (error) => {
        if (error) return reject(error);
        own.pool.query('INSERT INTO t VALUES (1)', (late) => (late ? reject(late) : resolve()));
      });
    });
    expect(own.values()).toEqual([1]);
  });

  test('refuses a statement after the end, naming its SQL and no values', async () => {
    const transaction = await fixture.run(() => fixture.query('SELECT 1'));
    await transaction.open.prepare();
    transaction.hasEnded = true;
    const statement = 'INSERT INTO t SELECT LENGTH(?)';
    const late = await errorOf(
      fixture.host.within(transaction, () => fixture.query(statement, ['sesame'])),
    );
    expect(late).toMatchObject({ code: 'work-after-end' });
    expect(late.message).toContain(statement);
    expect(late.message).not.toContain('sesame');
  });

  test('a driver’s timeout dooms the branch: the statement may still run', async () => {
    const { dooms, open } = await fixture.run(async () => {
      const query = { sql: 'SELECT SLEEP(0.4)', timeout: 50 };
      await errorOf(fixture.pool.promise().query(query));
    });
    expect(dooms).toMatchObject([{ code: 'rm-unavailable' }]);
    await open.rollback();
    await fixture.allOver();
  });

  test('an open branch waits for a connection as the pool would', async () => {
    await using own = await mariadb.fixture({ connectionLimit: 1, waitForConnections: false });
    const holder = await own.pool.promise().getConnection();
    const { open } = await own.run(async () => {
      const error = await errorOf(own.query('SELECT 1'));
      expect(error.message).toContain('No connections available');
      holder.release();
      await own.query('INSERT INTO t VALUES (1)');
    });
    expect(await open.prepare()).toMatchObject({ vote: 'yes' });
    await own.clear();
  });
});

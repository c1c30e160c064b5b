import { EventEmitter } from 'node:events';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { errorOf, type Fixture, sql, TestPostgres, values } from './branches.ts';

serverOrSkip('postgres').describe('the pool in the user’s hands', () => {
  let postgres: TestPostgres;
  let fixture: Fixture;
  const query = (text: string) => fixture.pool.query(text);

  beforeAll(async () => {
    postgres = await TestPostgres.start();
    fixture = await postgres.fixture();
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await postgres.server.stop();
  });

  async function pidsIn(work: () => Promise<unknown>) {
    let result: unknown;
    const { open } = await fixture.run(async () => {
      result = await work();
    });
    await open.rollback();
    return result;
  }

  test('is the user’s own pool outside a transaction', async () => {
    expect(fixture.pool).toBeInstanceOf(pg.Pool);
    expect(fixture.pool).toBeInstanceOf(EventEmitter);
    await query('INSERT INTO t VALUES (1)');
    expect(await values(fixture.url)).toEqual([1]);
    const client = await fixture.pool.connect();
    expect(client).toBeInstanceOf(pg.Client);
    await client.query('BEGIN; DELETE FROM t; COMMIT');
    client.release();
    expect(() => client.release()).toThrow(/already been released/);
    expect(await values(fixture.url)).toEqual([]);
    const rows = await new Promise((resolve, reject) => {
      fixture.pool.query('SELECT $1::int AS a', [3], (error, result) =>
        error ? reject(error) : resolve(result.rows),
      );
    });
    expect(rows).toEqual([{ a: 3 }]);
  });

  test('gives all leases of a transaction one connection', async () => {
    const pid = 'SELECT pg_backend_pid() AS pid';
    const pids = await pidsIn(async () => {
      const [one, two] = await Promise.all([fixture.pool.connect(), fixture.pool.connect()]);
      const results = await Promise.all([query(pid), one.query(pid), two.query(pid), query(pid)]);
      one.release();
      two.release();
      expect(() => two.release()).toThrow(/already been released/);
      return results.map((result) => result.rows[0].pid);
    });
    expect(new Set(pids as number[]).size).toBe(1);
    expect(fixture.pool.idleCount).toBe(fixture.pool.totalCount);
  });

  test('runs statements in their order, one at a time, though none is awaited', async () => {
    await pidsIn(async () => {
      const client = await fixture.pool.connect();
      for (const on of [client, fixture.pool]) {
        const pairs = Array.from({ length: 50 }, (_, a) => [
          on.query('INSERT INTO t VALUES ($1)', [a]),
          on.query('SELECT count(*)::int AS n FROM t'),
        ]);
        const results = await Promise.all(pairs.flat());
        const counts = results.filter((it) => it.command === 'SELECT').map((it) => it.rows[0].n);
        expect(counts).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
        await on.query('DELETE FROM t');
      }
    });
    expect(await values(fixture.url)).toEqual([]);
  });

  test('takes the callback forms inside a transaction, in the caller’s context', async () => {
    await pidsIn(async () => {
      const seen: unknown[] = [];
      await new Promise<void>((resolve, reject) => {
        fixture.pool.connect((error, client, release) => {
          if (error || !client) return reject(error);
          client.query('INSERT INTO t VALUES ($1) RETURNING a', [1], (failed, inserted) => {
            seen.push(failed, inserted.rows);
            fixture.pool.query('SELECT * FROM t', (_, selected) => {
              seen.push(selected.rows);
              client.query({ text: 'nonsense' } as pg.QueryConfig, (syntax: Error) => {
                seen.push(syntax.message);
                release();
                resolve();
              });
            });
          });
        });
      });
      expect(seen).toEqual([null, [{ a: 1 }], [{ a: 1 }], expect.stringContaining('nonsense')]);
    });
    expect(await values(fixture.url)).toEqual([]);
  });

  test('takes configurations: row mode, names, types; and several statements', async () => {
    await pidsIn(async () => {
      const asArrays = { text: 'SELECT 1, $1::text', values: ['x'], rowMode: 'array' as const };
      expect((await fixture.pool.query(asArrays)).rows).toEqual([[1, 'x']]);
      const named = { name: 'plus', text: 'SELECT $1::int + 1 AS n' };
      for (const n of [1, 2]) {
        expect((await fixture.pool.query({ ...named, values: [n] })).rows).toEqual([{ n: n + 1 }]);
      }
      const both = (await query('SELECT 1 AS a; SELECT 2 AS b')) as unknown as pg.QueryResult[];
      expect(both.map((result) => result.rows)).toEqual([[{ a: 1 }], [{ b: 2 }]]);
    });
  });

  test('takes pg.Query and other objects with submit()', async () => {
    await pidsIn(async () => {
      const client = await fixture.pool.connect();
      const asked = new pg.Query('SELECT generate_series(1, 3) AS n');
      const rows: unknown[] = [];
      asked.on('row', (row) => rows.push(row));
      const ended = new Promise((resolve) => asked.on('end', resolve));
      expect(client.query(asked)).toBe(asked);
      const after = client.query('SELECT 4 AS n');
      await ended;
      rows.push(...(await after).rows);
      expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }]);
      const end = new pg.Query('COMMIT');
      expect(() => client.query(end)).toThrow(/a Query cannot run in a branch: COMMIT/);
      const failing = new pg.Query('SELECT nonsense');
      const failed = new Promise((resolve) => failing.on('error', resolve));
      client.query(failing);
      await failed;
      // Nobody who has heard of a query's end finds it running still.
      expect(fixture.host.current?.branch?.busy()).toBeUndefined();
      const nameless = { submit: () => {} };
      expect(() => client.query(nameless)).toThrow(/without text/);
    });
  });

  test.each([
    'COMMIT',
    'ROLLBACK',
    "PREPARE TRANSACTION 'x'",
    'INSERT INTO t VALUES (1); COMMIT',
    'COMMIT; BEGIN',
    '/* innocent */ END',
    'BEGIN',
  ])('refuses pool.query(%j) before it runs', async (text) => {
    const { open } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (2)');
      const error = await errorOf(query(text));
      expect(error).toMatchObject({ code: 'transaction-control', rm: 'orders' });
      expect(error.message).toContain(text);
    });
    expect(await open.prepare()).toMatchObject({ vote: 'yes' });
    for (const id of await fixture.resource.scan()) await fixture.resource.abort(id, '');
    expect(await values(fixture.url)).toEqual([]);
  });

  test('refuses a statement after the end, naming its SQL and no values', async () => {
    const secret = 'sesame';
    let client: pg.PoolClient | undefined;
    const transaction = await fixture.run(async () => {
      client = await fixture.pool.connect();
      await client.query('SELECT 1');
    });
    await transaction.open.prepare();
    const statement = 'INSERT INTO t SELECT length($1)';
    const late = await errorOf(client?.query(statement, [secret]));
    expect(late).toMatchObject({ code: 'work-after-end' });
    expect(late.message).toContain(statement);
    expect(late.message).not.toContain(secret);

    transaction.hasEnded = true;
    const later = await errorOf(
      fixture.host.within(transaction, () => fixture.pool.query(statement, [secret])),
    );
    expect(later).toMatchObject({ code: 'work-after-end' });
    expect(later.message).toContain(statement);
    expect(later.message).not.toContain(secret);
    expect(await values(fixture.url)).toEqual([]);
  });

  test('a lease given back as broken dooms the branch', async () => {
    const { dooms, open } = await fixture.run(async () => {
      const client = await fixture.pool.connect();
      await client.query('INSERT INTO t VALUES (1)');
      client.release(new Error('it smells'));
      const error = await errorOf(query('SELECT 1'));
      expect(error).toMatchObject({ code: 'branch-doomed' });
      expect(error.message).toContain('it smells');
      expect(error.message).toContain('SELECT 1');
    });
    expect(dooms).toMatchObject([{ code: 'branch-doomed' }]);
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'branch-doomed' });
    await open.rollback();
  });

  test('what a builder notes on a lease is no other lease’s, nor the client’s', async () => {
    await pidsIn(async () => {
      const [one, two] = [await fixture.pool.connect(), await fixture.pool.connect()];
      Object.assign(one, { uuid: 'mine' });
      const seen = [one, two, fixture.rawClient].map((client) => Reflect.get(client ?? {}, 'uuid'));
      expect(seen).toEqual(['mine', undefined, undefined]);
    });
  });

  test('a lease does not lead past the queue to the client itself', async () => {
    await pidsIn(async () => {
      const client = await fixture.pool.connect();
      const listener = () => {};
      const same = client.on('notice', listener).off('notice', listener);
      expect(await errorOf(same.query('COMMIT'))).toMatchObject({ code: 'transaction-control' });
      expect(() => client.query(null as unknown as string)).toThrow(TypeError);
    });
  });

  test('a connection made inside a transaction does not carry it on', async () => {
    const own = await postgres.fixture({ max: 1 });
    const { open } = await own.run(() => own.pool.query('SELECT 1'));
    await open.rollback();
    // A callback of the socket that was made above: it runs in that socket's context.
    await new Promise<void>((resolve, reject) => {
      own.pool.query('SELECT 1', (error) => {
        if (error) return reject(error);
        own.pool.query('INSERT INTO t VALUES (1)', (late) => (late ? reject(late) : resolve()));
      });
    });
    expect(await values(own.url)).toEqual([1]);
    await own.resource.close();
  });

  test('a branch whose BEGIN fails runs nothing: it would commit by itself', async () => {
    const { dooms, open } = await fixture.run(async () => {
      const client = await fixture.pool.connect();
      const { rawClient } = fixture;
      // Postgres would answer so on a standby, and leave no transaction open.
      const failOnce = vi.spyOn(rawClient as pg.PoolClient, 'query');
      failOnce.mockImplementationOnce(((
        _text: string,
        _values: unknown,
        done: (e: Error) => void,
      ) => done(new Error('cannot use serializable mode in a hot standby'))) as never);
      const begin = client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
      expect((await errorOf(begin)).message).toContain('hot standby');
      failOnce.mockRestore();
      const error = await errorOf(client.query('INSERT INTO t VALUES (1)'));
      expect(error).toMatchObject({ code: 'branch-doomed' });
    });
    expect(dooms).toMatchObject([{ code: 'branch-doomed' }]);
    await open.rollback();
    expect(await values(fixture.url)).toEqual([]);
  });

  test('a connection with somebody’s open transaction is not taken for a branch', async () => {
    const own = await postgres.fixture({ max: 1 });
    const careless = await own.pool.connect();
    await careless.query('BEGIN');
    await careless.query('INSERT INTO t VALUES (1)');
    careless.release();
    const { open } = await own.run(async () => {
      const error = await errorOf(own.pool.query('INSERT INTO t VALUES (2)'));
      expect(error).toMatchObject({ code: 'transaction-control' });
    });
    await open.rollback();
    await own.pool.query('INSERT INTO t VALUES (3)');
    expect(await values(own.url)).toEqual([3]);
    await own.resource.close();
  });

  test('an open branch waits for a connection as the pool would', async () => {
    const own = await postgres.fixture({ max: 1, connectionTimeoutMillis: 100 });
    const holder = await own.pool.connect();
    const { open } = await own.run(async () => {
      expect((await errorOf(own.pool.query('SELECT 1'))).message).toContain('timeout');
      holder.release();
      await own.pool.query('INSERT INTO t VALUES (1)');
    });
    expect(await open.prepare()).toMatchObject({ vote: 'yes' });
    for (const id of await own.resource.scan()) await own.resource.abort(id, '');
    await own.resource.close();
  });

  test.each([
    ['the first statement', 50, []],
    ['a later one', 100, ['SELECT']],
  ])('a driver’s timeout dooms the branch: %s may still run', async (_, timeout, before) => {
    const own = await postgres.fixture({ query_timeout: timeout });
    const { dooms, open } = await own.run(async () => {
      for (const statement of before) await own.pool.query(statement);
      await errorOf(own.pool.query('SELECT pg_sleep(0.3)'));
    });
    expect(dooms).toMatchObject([{ code: 'branch-doomed' }]);
    await open.rollback();
    await own.resource.close();
    expect(await sql(own.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

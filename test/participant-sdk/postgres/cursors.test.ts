import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { type Fixture, TestPostgres, values } from './branches.ts';

const failing = 'SELECT 1 / (a - 1) FROM t ORDER BY a';
const many = 'SELECT a FROM t UNION ALL SELECT generate_series(10, 500) ORDER BY a';

serverOrSkip('postgres').describe('pg-cursor and pg-query-stream in a branch', () => {
  let postgres: TestPostgres;
  let fixture: Fixture;

  beforeAll(async () => {
    postgres = await TestPostgres.start();
    fixture = await postgres.fixture();
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await postgres.server.stop();
  });

  test('a cursor reads what the branch wrote, others wait for its end, and the branch commits', async () => {
    const read: unknown[] = [];
    const done: string[] = [];
    const prepared = await fixture.prepared(async () => {
      const client = await fixture.pool.connect();
      await client.query('INSERT INTO t VALUES (1)');
      const cursor = client.query(new Cursor<{ a: number }>(many));
      const write = fixture.pool.query('INSERT INTO t VALUES (2)').then(() => done.push('write'));
      read.push(...(await cursor.read(2)));
      read.push(...(await cursor.read(2)));
      done.push('read');
      await cursor.close();
      await write;
      client.release();
    });
    expect(read).toEqual([1, 10, 11, 12].map((a) => ({ a })));
    expect(done).toEqual(['read', 'write']);
    expect(await values(fixture.url)).toEqual([]);
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(await values(fixture.url)).toEqual([1, 2]);
  });

  test('a stream reads to its end, or is left in the middle, and the branch goes on', async () => {
    const counts: number[] = [];
    const prepared = await fixture.prepared(async () => {
      for (const most of [1_000, 3]) {
        const client = await fixture.pool.connect();
        await client.query('INSERT INTO t VALUES ($1)', [most]);
        let count = 0;
        const stream = client.query(new QueryStream(many, [], { batchSize: 2 }));
        for await (const row of stream) {
          expect(row).toHaveProperty('a');
          count += 1;
          if (count === most) break;
        }
        if (count === most)
          expect(fixture.host.current?.branch?.busy()).toContain('generate_series');
        await client.query('SELECT 1'); // waits until the stream has let the connection go
        counts.push(count);
        client.release();
      }
    });
    expect(counts).toEqual([491 + 3, 3]); // with 1, 2 and 1000
    await fixture.commit(prepared);
    expect(await values(fixture.url)).toEqual([1, 2, 3, 1_000]);
  });

  test('kysely streams with pg-cursor', async () => {
    const dialect = new PostgresDialect({ pool: fixture.pool, cursor: Cursor });
    const db = new Kysely<{ t: { a: number } }>({ dialect });
    const seen: number[] = [];
    const prepared = await fixture.prepared(async () => {
      await db.insertInto('t').values({ a: 4 }).execute();
      for await (const { a } of db.selectFrom('t').select('a').orderBy('a').stream(2)) seen.push(a);
    });
    expect(seen).toEqual([1, 2, 3, 4, 1_000]);
    await fixture.commit(prepared);
    expect(await values(fixture.url)).toEqual(seen);
  });

  test('a cursor that is still open is a statement that runs, and is ended with its branch', async () => {
    const { open } = await fixture.run(async () => {
      const client = await fixture.pool.connect();
      await client.query('INSERT INTO t VALUES (5)');
      const cursor = client.query(new Cursor(many));
      await cursor.read(1);
    });
    expect(open.busy()).toContain('generate_series');
    await open.rollback();
    expect(await values(fixture.url)).not.toContain(5);
  });

  test.each([
    ['cursor', (client: pg.PoolClient) => client.query(new Cursor(failing)).read(10)],
    ['stream', (client: pg.PoolClient) => client.query(new QueryStream(failing)).toArray()],
  ])('a %s that fails makes the vote a no', async (_what, make) => {
    const { open } = await fixture.run(async () => {
      const client = await fixture.pool.connect();
      await client.query('INSERT INTO t VALUES (6)');
      const rows = make(client);
      await expect(rows).rejects.toThrow('division by zero');
      client.release();
    });
    await expect(open.prepare()).rejects.toMatchObject({
      message: expect.stringContaining('division by zero'),
    });
    await open.rollback();
    expect(await values(fixture.url)).not.toContain(6);
  });

  test('one that would end the transaction is refused', async () => {
    const { open } = await fixture.run(async () => {
      const client = await fixture.pool.connect();
      expect(() => client.query(new Cursor('COMMIT'))).toThrow(
        expect.objectContaining({ code: 'transaction-control' }),
      );
      client.release();
    });
    await open.rollback();
  });
});

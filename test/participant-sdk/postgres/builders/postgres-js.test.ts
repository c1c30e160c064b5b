import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { serverOrSkip } from '../../../servers/require-server.ts';
import { waitUntil } from '../../../support/wait-until.ts';
import { errorOf, sql as runSql, TestPostgres, values } from '../branches.ts';
import { postgresJsFixture } from './postgres-js.ts';

type Fixture = Awaited<ReturnType<typeof postgresJsFixture>>;

serverOrSkip('postgres').describe('the sql of postgres.js in a branch', () => {
  let server: TestPostgres;
  let url: string;
  let fixture: Fixture;
  let sql: Fixture['resource']['sql'];

  beforeAll(async () => {
    server = await TestPostgres.start();
    url = await server.server.createDatabase('postgres_js');
    await runSql(url, 'CREATE TABLE t (a int, snake_case text)');
    fixture = await postgresJsFixture(url, { transform: postgres.pascal });
    ({ sql } = fixture.resource);
  });
  beforeEach(() => runSql(url, 'DELETE FROM t'));
  afterEach(async () => {
    await fixture.host.rollBackAll();
    for (const id of await fixture.resource.scan()) await fixture.resource.abort(id, '');
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await server.server.stop();
  });

  async function committed(work: () => Promise<unknown>): Promise<unknown[]> {
    const prepared = await fixture.prepared(work);
    expect(await values(url)).toEqual([]);
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    return values(url);
  }

  test('keeps its helpers, fragments and transforms', async () => {
    const work = async () => {
      const rows = [1, 2, 3].map((a) => ({ A: a, SnakeCase: `is ${a}` }));
      await sql`INSERT INTO t ${sql(rows)}`;
      const condition = sql`AND snake_case <> ${'is 3'}`;
      const order = [sql`ORDER BY`, sql`a`];
      const found = await sql`SELECT * FROM t WHERE a IN ${sql([2, 3])} ${condition} ${order}`;
      expect([...found]).toEqual([{ A: 2, SnakeCase: 'is 2' }]);
      expect(found.count).toBe(1);
      expect([...(await sql`SELECT a FROM t ORDER BY a`.values())]).toEqual([[1], [2], [3]]);
      const seen: unknown[] = [];
      await sql`SELECT a FROM t ORDER BY a`.forEach((row) => seen.push(row['A']));
      expect(seen).toEqual([1, 2, 3]);
      expect((await sql`SELECT a FROM t`.describe()).columns).toMatchObject([{ name: 'A' }]);
      expect((await sql`SELECT ${sql.array([1, 2])}::int[] AS list`)[0]?.['List']).toEqual([1, 2]);
    };
    expect(await committed(work)).toEqual([1, 2, 3]);
  });

  test('reads through cursors, to their end and not', async () => {
    const work = async () => {
      await sql`INSERT INTO t SELECT generate_series(1, 5)`;
      const all: unknown[] = [];
      for await (const rows of sql`SELECT a FROM t ORDER BY a`.cursor(2)) {
        all.push(rows.map((row) => row['A']));
      }
      expect(all).toEqual([[1, 2], [3, 4], [5]]);
      for await (const [row] of sql`SELECT a FROM t ORDER BY a`.cursor()) {
        expect(row?.['A']).toBe(1);
        break;
      }
      const counts: number[] = [];
      await sql`SELECT a FROM t`.cursor(3, (rows) => {
        counts.push(rows.length);
      });
      expect(counts).toEqual([3, 2]);
      expect(fixture.host.current?.branch?.busy()).toBeUndefined();
    };
    expect(await committed(work)).toEqual([1, 2, 3, 4, 5]);
  });

  test('begin gives what its function gives, an array of queries too', async () => {
    const work = async () => {
      const both = await sql.begin((tx) => [
        tx`INSERT INTO t (a) VALUES (1) RETURNING a`,
        tx`SELECT count(*)::int AS n FROM t`,
      ]);
      expect(both.map((rows) => rows[0])).toEqual([{ A: 1 }, { N: 1 }]);
      expect(await sql.begin((tx) => tx.savepoint('odd "name"', async () => 'kept'))).toBe('kept');
    };
    expect(await committed(work)).toEqual([1]);
  });

  test('begin undoes a part in which a statement failed, though that was caught', async () => {
    const work = async () => {
      await sql`INSERT INTO t (a) VALUES (1)`;
      const part = sql.begin(async (tx) => {
        await tx`INSERT INTO t (a) VALUES (2)`;
        await errorOf(tx`SELECT nonsense`);
      });
      expect((await errorOf(part)).message).toContain('nonsense');
    };
    expect(await committed(work)).toEqual([1]);
  });

  test('a reserved sql is the branch’s, with transactions by hand', async () => {
    const work = async () => {
      const reserved = await sql.reserve();
      await reserved`BEGIN`;
      await reserved`INSERT INTO t (a) VALUES (1)`;
      expect((await reserved`COMMIT`).command).toBe('COMMIT');
      await reserved`BEGIN ISOLATION LEVEL READ COMMITTED`;
      await reserved`INSERT INTO t (a) VALUES (2)`;
      await reserved`ROLLBACK`;
      reserved.release();
    };
    expect(await committed(work)).toEqual([1]);
  });

  test('sql.prepare() is refused with a hint, in a branch and out of it', async () => {
    const prepare = () => sql.begin((tx) => tx.prepare("x'; DROP TABLE t; --"));
    const { open } = await fixture.run(async () => {
      expect(await errorOf(prepare())).toMatchObject({ code: 'transaction-control', rm: 'orders' });
    });
    await open.rollback();
    const error = await errorOf(prepare());
    expect(error).toMatchObject({ code: 'transaction-control' });
    expect(error.hint).toContain('Leave it out');
    expect(await values(url)).toEqual([]);
  });

  test('transaction control that is hidden in fragments is refused', async () => {
    const { open } = await fixture.run(async () => {
      const word = sql.unsafe('COMMIT');
      const hidden = [sql`${word}`, sql`${[sql`SELECT 1;`, word]}`, sql`COMMIT`];
      for (const query of hidden) {
        expect(await errorOf(query)).toMatchObject({ code: 'transaction-control' });
      }
    });
    await open.rollback();
  });

  test('COPY and sql.file() are refused with a way round', async () => {
    const { open } = await fixture.run(async () => {
      const copy = await errorOf((async () => sql`COPY t FROM STDIN`.writable())());
      expect(copy).toMatchObject({ code: 'transaction-control' });
      expect(copy.hint).toContain('insert rows');
      const file = await errorOf((async () => sql.file('x.sql'))());
      expect(file.hint).toContain('sql.unsafe');
    });
    await open.rollback();
  });

  test('a notification is the branch’s: the vote is no', async () => {
    const { open } = await fixture.run(async () => {
      await sql`INSERT INTO t (a) VALUES (1)`;
      await sql.notify('news', 'soup');
    });
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'prepare-refused' });
  });

  test('after the end of the transaction a query is refused by its name', async () => {
    const transaction = await fixture.run(() => sql`SELECT 1`);
    await transaction.open.rollback();
    transaction.hasEnded = true;
    const late = await errorOf(
      fixture.host.within(transaction, async () => sql`DELETE FROM t WHERE a = ${'sesame'}`),
    );
    expect(late).toMatchObject({ code: 'work-after-end' });
    expect(late.message).toContain('DELETE FROM t WHERE a = $1');
    expect(late.message).not.toContain('sesame');
  });

  test('a connection that is lost dooms the branch, and nothing runs on another', async () => {
    const { dooms, open } = await fixture.run(async () => {
      const [row] = await sql`INSERT INTO t (a) VALUES (1) RETURNING pg_backend_pid() AS pid`;
      await runSql(url, `SELECT pg_terminate_backend(${row?.['Pid']})`);
      await waitUntil(() => (fixture.host.current?.dooms.length ?? 0) > 0, { what: 'the loss' });
      expect(await errorOf(sql`INSERT INTO t (a) VALUES (2)`)).toMatchObject({
        code: 'branch-doomed',
      });
    });
    expect(dooms).toMatchObject([{ code: 'rm-unavailable' }]);
    await errorOf(open.prepare());
    await open.rollback();
    expect(await values(url)).toEqual([]);
    expect(await committed(async () => sql`INSERT INTO t (a) VALUES (3)`)).toEqual([3]);
  });

  test('a branch that is rolled back under a statement ends it', async () => {
    let slow: Promise<Error> | undefined;
    const { open } = await fixture.run(async () => {
      await sql`INSERT INTO t (a) VALUES (1)`;
      slow = errorOf(sql`SELECT pg_sleep(60)`);
      const isRunning =
        "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' AND pid <> pg_backend_pid()";
      await waitUntil(async () => (await runSql(url, isRunning)).length > 0, { what: 'it to run' });
    });
    await open.rollback();
    expect(await slow).toMatchObject({ code: '57014' });
    expect(await values(url)).toEqual([]);
  });

  test('a database that cannot be reached is said so, and is tried again', async () => {
    const away = postgresJsFixture(url.replace(/:\d+\//, ':1/'));
    const error = await errorOf(away);
    expect(error).toMatchObject({ code: 'rm-unavailable' });
    expect(error.message).toContain('ECONNREFUSED');
  });
});

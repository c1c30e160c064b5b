import { formatBranchId } from '@unanimous/proto';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import {
  errorOf,
  Fixture,
  openTransactions,
  pause,
  preparedCount,
  sql,
  TestPostgres,
  values,
} from './branches.ts';

serverOrSkip('postgres').describe('the vote of a Postgres branch', () => {
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

  test('yes: nothing is visible before the commit, everything after it', async () => {
    await sql(fixture.url, 'DELETE FROM t');
    const prepared = await fixture.prepared(() => query('INSERT INTO t VALUES (1)'));
    expect(await values(fixture.url)).toEqual([]);
    const [row] = await sql(fixture.url, 'SELECT gid FROM pg_prepared_xacts');
    expect(row?.['gid']).toBe(formatBranchId(prepared.id));
    expect(JSON.parse(prepared.receipt)).toMatchObject({
      systemIdentifier: expect.stringMatching(/^\d+$/),
      databaseName: expect.stringMatching(/^test_/),
      timeline: 1,
      xid: expect.stringMatching(/^\d+$/),
      lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
    });
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(await values(fixture.url)).toEqual([1]);
    expect(fixture.pool).toMatchObject({ totalCount: 1, idleCount: 1 });
  });

  test('yes: no timer of the driver’s own outlives it', async () => {
    await using own = await postgres.fixture({ query_timeout: 61_234 });
    await own.run(() => own.pool.query('SELECT 1')).then(({ open }) => open.prepare());
    const set = vi.spyOn(globalThis, 'setTimeout');
    const clear = vi.spyOn(globalThis, 'clearTimeout');
    const prepared = await own.prepared(() => own.pool.query('INSERT INTO t VALUES (1)'));
    await own.commit(prepared);
    const late = set.mock.results.filter((_, n) => set.mock.calls[n]?.[1] === 61_234);
    const cleared = new Set(clear.mock.calls.map(([timer]) => timer));
    vi.restoreAllMocks();
    expect(late.length).toBeGreaterThan(2);
    expect(late.filter(({ value }) => !cleared.has(value as NodeJS.Timeout))).toEqual([]);
  });

  test('read-only: a branch that wrote nothing is over with its vote', async () => {
    const { open } = await fixture.run(() => query('SELECT count(*) FROM t'));
    expect(await open.prepare()).toEqual({ vote: 'read-only' });
    expect(await openTransactions(fixture.url)).toBe(0);
  });

  test('read-only: a branch without any statement', async () => {
    const { open } = await fixture.run(() => fixture.pool.connect());
    expect(await open.prepare()).toEqual({ vote: 'read-only' });
    expect(fixture.pool.idleCount).toBe(fixture.pool.totalCount);
  });

  async function refusal(...statements: string[]) {
    const { open } = await fixture.run(async () => {
      for (const statement of statements) await query(statement).catch(() => undefined);
    });
    const error = await errorOf(open.prepare());
    await open.rollback();
    expect(await preparedCount(fixture.url)).toBe(0);
    expect(await openTransactions(fixture.url)).toBe(0);
    return error;
  }

  test('no: a deferred constraint, checked at prepare', async () => {
    await sql(fixture.url, 'CREATE TABLE d (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)');
    const error = await refusal('INSERT INTO d VALUES (1), (1)');
    expect(error).toMatchObject({ code: 'constraint-violated', retryable: false, rm: 'orders' });
  });

  test('no: a statement had failed, and its error is the reason', async () => {
    await sql(fixture.url, 'CREATE TABLE u (a int PRIMARY KEY); INSERT INTO u VALUES (1)');
    const error = await refusal('INSERT INTO t VALUES (7)', 'INSERT INTO u VALUES (1)');
    expect(error).toMatchObject({ code: 'constraint-violated' });
    expect(await refusal('SELECT nonsense')).toMatchObject({
      code: 'branch-doomed',
      message: expect.stringContaining('nonsense'),
    });
  });

  test.each([
    ['NOTIFY after a write', ['INSERT INTO t VALUES (8)', 'NOTIFY a']],
    ['NOTIFY alone', ['NOTIFY a']],
    ['pg_notify alone', ["SELECT pg_notify('a', 'b')"]],
    ['a temporary table', ['CREATE TEMP TABLE x (a int)']],
    ['a cursor WITH HOLD', ['INSERT INTO t VALUES (8)', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1']],
  ])('no: %s, which PREPARE refuses', async (_, statements) => {
    const error = await refusal(...statements);
    expect(error).toMatchObject({ code: 'prepare-refused', retryable: false });
    expect(error.hint).toContain('temporary tables');
  });

  test('COPY and a cursor of the transaction are prepared', async () => {
    const prepared = await fixture.prepared(async () => {
      await query('INSERT INTO t VALUES (9)');
      await query('COPY t TO STDOUT');
      await query('DECLARE c CURSOR FOR SELECT 1');
    });
    expect(await fixture.resource.abort(prepared.id, prepared.receipt)).toEqual({
      result: 'rolled-back',
    });
  });

  test('no: a serialization failure may be tried again', async () => {
    await sql(fixture.url, 'CREATE TABLE s (a int); INSERT INTO s VALUES (1)');
    const { open, ...other } = await fixture.run(async () => {
      const client = await fixture.pool.connect();
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await client.query('SELECT * FROM s');
      await sql(fixture.url, 'UPDATE s SET a = 2');
      await client.query('UPDATE s SET a = 3').catch(() => undefined);
      await client.query('COMMIT');
    });
    expect(other.dooms).toEqual([]);
    const error = await errorOf(open.prepare());
    expect(error).toMatchObject({ code: 'serialization-failure', retryable: true });
    await open.rollback();
  });

  test('no: a statement still runs', async () => {
    let running: Promise<unknown> | undefined;
    const { open } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (10)');
      running = query('SELECT pg_sleep(30)').catch((error: Error) => error);
      await pause(20);
    });
    expect(open.busy()).toBe('SELECT pg_sleep(30)');
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'statement-running' });
    await open.rollback();
    expect(await running).toMatchObject({ code: '57014' });
    const isOver = async () => (await openTransactions(fixture.url)) === 0;
    await waitUntil(isOver, { what: 'the server to close the connection' });
  });

  test('no: a transaction that a builder began was not ended', async () => {
    const { open } = await fixture.run(async () => {
      const client = await fixture.pool.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO t VALUES (10)');
    });
    expect(open.busy()).toContain('BEGIN');
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'statement-running' });
    await open.rollback();
  });

  test.each([
    ['before the branch has a name', 'SELECT 1'],
    ['when it has one', 'DO $$ BEGIN PERFORM 1; END $$'],
  ])('no: SQL past our eyes ended the transaction and began another, %s', async (_, statement) => {
    await fixture.run(() => query('SELECT 1')).then(({ open }) => open.prepare());
    const { open } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (11)');
      await query(statement);
      await fixture.rawClient?.query('COMMIT; BEGIN; INSERT INTO t VALUES (12)');
    });
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'transaction-control' });
    await open.rollback();
    expect(await preparedCount(fixture.url)).toBe(0);
    expect(await values(fixture.url)).not.toContain(12);
  });

  test('yes: it is named before what could end its transaction, and stays so behind a rollback', async () => {
    const named = "SELECT coalesce(current_setting('unanimous.branch', true), '') AS name";
    const nameOf = async () => (await query(named)).rows[0]?.name as string;
    const names: string[] = [];
    const { id, open } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (17)');
      names.push(await nameOf());
      const client = await fixture.pool.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO t VALUES (18); INSERT INTO t VALUES (18)');
      await client.query('ROLLBACK');
      client.release();
      names.push(await nameOf());
    });
    expect(names).toEqual(['', formatBranchId(id)]);
    expect(await open.prepare()).toMatchObject({ vote: 'yes' });
    await sql(fixture.url, `ROLLBACK PREPARED '${formatBranchId(id)}'`);

    const other = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (17)');
      await query('DO $$ BEGIN INSERT INTO t VALUES (18); END $$');
      names.push(await nameOf());
    });
    expect(names[2]).toBe(formatBranchId(other.id));
    await other.open.rollback();
  });

  test('yes: what an event of the pool sends before the branch begins ends nothing of it', async () => {
    await using own = await postgres.fixture();
    own.pool.on('acquire', (client) => void client.query('BEGIN; ROLLBACK'));
    await own.run(() => own.pool.query('SELECT 1')).then(({ open }) => open.prepare());
    const prepared = await own.prepared(() => own.pool.query(inOneStep));
    expect(await own.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('no: what had failed is not named, and says its first error', async () => {
    const { open } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (19)');
      await errorOf(query('SELECT 1 / 0'));
      const error = await errorOf(query('DO $$ BEGIN INSERT INTO t VALUES (19); END $$'));
      expect(error).toMatchObject({ code: '25P02' });
    });
    expect((await errorOf(open.prepare())).message).toContain('division by zero');
    await open.rollback();
  });

  // Rows that a statement says it changed are asked about and prepared in one step, others in two.
  const inOneStep = 'INSERT INTO t VALUES (15)';
  const inTwoSteps = 'DO $$ BEGIN INSERT INTO t VALUES (15); END $$';
  test.each([
    ['fails', inTwoSteps, 'SELECT 1 / 0', /answered ROLLBACK/],
    ['is gone', inTwoSteps, 'ROLLBACK', /no transaction in progress/],
    ['fails', inOneStep, 'SELECT 1 / 0', /current transaction is aborted/],
    ['is gone', inOneStep, 'ROLLBACK', /no transaction in progress/],
    ['is another', inOneStep, 'ROLLBACK; BEGIN; INSERT INTO t VALUES (16)', /other SQL has ended/],
  ])('no: the transaction %s right before PREPARE, after %s', async (_, work, before, expected) => {
    await fixture.run(() => query('SELECT 1')).then(({ open }) => open.prepare());
    const { open } = await fixture.run(() => query(work));
    const client = fixture.rawClient as pg.PoolClient;
    const send = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    const spy = vi.spyOn(client, 'query').mockImplementation((...args: unknown[]) => {
      const { text = args[0] } = args[0] as { text?: unknown };
      if (String(text).includes('PREPARE TRANSACTION')) send(before).catch(() => {});
      void send(...args);
    });
    const error = await errorOf(open.prepare());
    spy.mockRestore();
    expect(error.message).toMatch(expected);
    await open.rollback();
    expect(await preparedCount(fixture.url)).toBe(0);
    expect(await values(fixture.url)).not.toContain(16);
  });

  test('no: the session’s settings are not what they were when it was asked', async () => {
    await fixture.run(() => query('SELECT 1')).then(({ open }) => open.prepare());
    await fixture.rawClient?.query('SET synchronous_commit = off');
    const { open } = await fixture.run(() => query(inOneStep));
    expect((await errorOf(open.prepare())).message).toContain('settings');
    await open.rollback();
    expect(await preparedCount(fixture.url)).toBe(0);
  });

  test('a statement after which no transaction is open is told at once', async () => {
    const { dooms, open } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (13)');
      await fixture.rawClient?.query('ROLLBACK');
      expect(await errorOf(query('SELECT 1'))).toMatchObject({ code: 'transaction-control' });
    });
    expect(dooms).toMatchObject([{ code: 'transaction-control' }]);
    await open.rollback();
  });

  test('SET ROLE in the branch does not put it out of phase two’s reach', async () => {
    await sql(
      fixture.url,
      'CREATE ROLE clerk',
      'CREATE ROLE app LOGIN IN ROLE clerk',
      'GRANT ALL ON t TO clerk',
      'GRANT ALL ON unanimous_log_positions, unanimous_audit TO app',
    );
    const url = new URL(fixture.url);
    url.username = 'app';
    await using own = await new Fixture(url.href).open();
    const prepared = await own.prepared(async () => {
      await own.pool.query('SET LOCAL ROLE clerk');
      await own.pool.query('INSERT INTO t VALUES (14)');
    });
    expect(await own.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('a connection whose session may have changed is not used again', async () => {
    const isClosed = async (statement: string) => {
      const closed: unknown[] = [];
      const note = (client: unknown) => closed.push(client);
      fixture.pool.on('remove', note);
      const { open } = await fixture.run(() => query(statement));
      await open.prepare();
      await pause(50);
      fixture.pool.off('remove', note);
      return closed.length === 1;
    };
    expect(await isClosed("SET search_path = 'public'")).toBe(true);
    expect(await isClosed("SET LOCAL search_path = 'public'")).toBe(false);
  });
});

import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { inOneWrite } from '../../../participant-sdk/src/postgres/one-write.ts';
import type { PostgresBranch } from '../../../participant-sdk/src/postgres/branch.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import {
  cancelWaiting,
  errorOf,
  type Fixture,
  openTransactions,
  requireAbsentStandby,
  sql,
  TestPostgres,
  values,
} from './branches.ts';

serverOrSkip('postgres').describe('a commit at home on Postgres', () => {
  let postgres: TestPostgres;
  let fixture: Fixture;

  beforeAll(async () => {
    postgres = await TestPostgres.start();
    fixture = await postgres.fixture({ max: 1 });
    await fixture.pool.query(`
      CREATE TABLE d (a int UNIQUE DEFERRABLE INITIALLY DEFERRED);
      CREATE TABLE seen (setting text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE FUNCTION hurried() RETURNS int LANGUAGE sql AS $$
        SELECT set_config('synchronous_commit', 'off', true); SELECT 3 $$;
      CREATE TABLE noted (a int);
      CREATE CONSTRAINT TRIGGER late AFTER INSERT ON noted DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION note()`);
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await postgres.server.stop();
  });

  beforeEach(() => sql(fixture.url, 'TRUNCATE t, d, seen'));

  /** The first one on a connection asks what its server is, and later ones need not. */
  async function ask(): Promise<void> {
    const { open } = await fixture.run(() => fixture.pool.query('SELECT 1'));
    await open.commitAtHome?.();
  }

  async function work(...statements: string[]): Promise<PostgresBranch> {
    await ask();
    const { open } = await fixture.run(async () => {
      for (const statement of statements) await fixture.pool.query(statement);
    });
    return open as PostgresBranch;
  }

  test('is done, and gives its connection back', async () => {
    const open = await work('INSERT INTO t VALUES (1)');
    expect(await openTransactions(fixture.url)).toBe(1);
    expect(await open.commitAtHome()).toEqual({ result: 'committed' });
    expect(await values(fixture.url)).toEqual([1]);
    expect(fixture.pool).toMatchObject({ totalCount: 1, idleCount: 1 });
  });

  test('also on a connection that has not been asked yet, and of what only reads', async () => {
    const own = await postgres.fixture();
    const { open } = await own.run(() => own.pool.query('INSERT INTO t VALUES (1)'));
    expect(await open.commitAtHome?.()).toEqual({ result: 'committed' });
    const { open: reads } = await own.run(() => own.pool.query('SELECT * FROM t'));
    expect(await reads.commitAtHome?.()).toEqual({ result: 'committed' });
    expect(await openTransactions(own.url)).toBe(0);
    expect(await values(own.url)).toEqual([1]);
    await own[Symbol.asyncDispose]();
  });

  test('of a builder that begins and commits for itself', async () => {
    await ask();
    const { open } = await fixture.run(async () => {
      const client = await fixture.pool.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO t VALUES ($1)', [2]);
      await client.query('COMMIT');
      client.release();
    });
    expect(await open.commitAtHome?.()).toEqual({ result: 'committed' });
    expect(await values(fixture.url)).toEqual([2]);
  });

  test('that a deferred constraint refuses is rolled back, with the reason', async () => {
    const open = await work('INSERT INTO d VALUES (1), (1)');
    expect(await open.commitAtHome()).toMatchObject({
      result: 'rolled-back',
      reason: { code: 'constraint-violated' },
    });
  });

  test('after a statement that failed is refused, with what that said', async () => {
    await ask();
    const { open } = await fixture.run(async () => {
      await fixture.pool.query('INSERT INTO t VALUES (3)');
      await fixture.pool.query('SELECT 1 / 0').catch(() => undefined);
    });
    const error = await errorOf(open.commitAtHome?.());
    expect(error).toMatchObject({ code: 'branch-doomed' });
    expect(error.message).toContain('division by zero');
    expect(await values(fixture.url)).toEqual([]);
  });

  test('whose transaction is not the branch’s any more is refused', async () => {
    const open = await work(
      "SELECT set_config('unanimous.branch', 'another', true)",
      'INSERT INTO t VALUES (3)',
    );
    const error = await errorOf(open.commitAtHome());
    expect(error.message).toContain('other SQL has ended');
    expect(await values(fixture.url)).toEqual([]);
  });

  test('waits for the disk, whatever the session or the transaction was set to', async () => {
    const own = await postgres.fixture({ max: 1, options: '-c synchronous_commit=off' });
    const late = await work('SET LOCAL synchronous_commit = off', 'INSERT INTO noted VALUES (1)');
    expect(await late.commitAtHome()).toEqual({ result: 'committed' });
    // What the INSERT was told is not true any more.
    const later = await work('INSERT INTO noted VALUES (2)', 'SET LOCAL synchronous_commit = off');
    expect(await later.commitAtHome()).toEqual({ result: 'committed' });
    // Nor does it show in the SQL that a function sets it.
    const hidden = await work('INSERT INTO noted SELECT hurried()');
    expect(await hidden.commitAtHome()).toEqual({ result: 'committed' });
    expect((await fixture.pool.query('SELECT setting FROM seen')).rows).toEqual([
      { setting: 'on' },
      { setting: 'on' },
      { setting: 'on' },
    ]);
    await own.pool.query(`CREATE TABLE seen (setting text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION note()`);
    const put = "CREATE FUNCTION put() RETURNS void LANGUAGE sql AS 'INSERT INTO t VALUES (2)'";
    await own.pool.query(put);
    const insert = 'INSERT INTO t VALUES (1)';
    for (const statement of [insert, insert, 'SELECT put()']) {
      const { open } = await own.run(() => own.pool.query(statement));
      expect(await open.commitAtHome?.()).toEqual({ result: 'committed' });
    }
    const { rows } = await own.pool.query('SELECT DISTINCT setting FROM seen');
    expect(rows).toEqual([{ setting: 'on' }]);
    await own[Symbol.asyncDispose]();
  });

  test('whose answer is lost with the connection is told by its receipt', async () => {
    const lost = await TestPostgres.start();
    const own = await lost.fixture({ max: 1 });
    const askOwn = () =>
      own.run(() => own.pool.query('SELECT 1')).then(({ open }) => open.commitAtHome?.());
    await askOwn();
    const { id, open } = await own.run(() =>
      own.pool.query('DO $$ BEGIN INSERT INTO t VALUES (1); END $$'),
    );
    await requireAbsentStandby(own.url);
    const committing = open.commitAtHome?.();
    const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE wait_event = 'SyncRep' AND query = 'COMMIT'`;
    await waitUntil(async () => (await sql(own.url, end)).length > 0, { what: 'the commit' });
    const answer = await committing;
    if (answer?.result !== 'lost') throw new Error(`it was ${answer?.result}`);
    expect(await own.resource.settle(id, answer.receipt)).toEqual({ result: 'committed' });

    // No standby has it: not yet what was asked for, though no connection was lost.
    await askOwn();
    const again = await own.run(() => own.pool.query('INSERT INTO t VALUES (2)'));
    const asked = again.open.commitAtHome?.();
    await cancelWaiting(own.url, 'COMMIT');
    const last = await asked;
    if (last?.result !== 'lost') throw new Error(`it was ${last?.result}`);
    expect(await own.resource.settle(again.id, last.receipt)).toEqual({ result: 'committed' });
    await own[Symbol.asyncDispose]();
    await lost.server.stop();
  }, 60_000);

  test('a statement that leaves with BEGIN is skipped where that fails', async () => {
    const client = await fixture.pool.connect();
    const notBegun = vi.fn<(error: unknown) => void>();
    const failed = vi.fn<(error: unknown) => void>();
    const insert = ['INSERT INTO t VALUES ($1)', [9], failed] as const;
    const together = (...before: string[]) =>
      inOneWrite(client)?.together({ before, notBegun }, ...insert);
    expect(await errorOf(together('BEGIN', 'no SQL'))).toMatchObject({ code: '42601' });
    expect(notBegun).toHaveBeenCalledOnce();
    expect(failed).toHaveBeenCalledOnce();
    await client.query('ROLLBACK');
    expect(await together('BEGIN')).toMatchObject({ command: 'INSERT', rowCount: 1 });
    const mistaken = inOneWrite(client)?.together({ before: [], notBegun }, 'no SQL', [], failed);
    expect(await errorOf(mistaken)).toMatchObject({ code: '42601' });
    expect(notBegun).toHaveBeenCalledOnce(); // a statement of his own that fails is not a BEGIN that did
    expect(failed).toHaveBeenCalledTimes(2);
    await client.query('ROLLBACK');
    client.release();
    expect(await values(fixture.url)).toEqual([]);
  });

  test('a question that rides on a statement is parsed again where all was discarded', async () => {
    const client = await fixture.pool.connect();
    onTestFinished(() => client.release(true));
    const parsed = async () =>
      (await client.query("SELECT name FROM pg_prepared_statements WHERE name = 'ours'")).rowCount;
    for (const discard of ['DISCARD ALL', 'DEALLOCATE ALL', 'DEALLOCATE ours', '']) {
      const rows: unknown[] = [];
      const result = await inOneWrite(client)?.together(
        {
          before: [],
          asking: {
            question: { name: 'ours', text: "SELECT 'told'" },
            asked: (row) => rows.push(...row),
          },
        },
        'SELECT n FROM generate_series(1, $1) n',
        [2],
        () => {},
      );
      expect(result).toMatchObject({ command: 'SELECT', rows: [{ n: 1 }, { n: 2 }] });
      expect(rows).toEqual(['told']);
      expect(await parsed()).toBe(1);
      if (discard !== '') await client.query(discard);
    }
  });
});

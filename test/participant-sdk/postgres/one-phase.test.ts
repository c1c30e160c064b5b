import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { errorOf, type Fixture, openTransactions, sql, TestPostgres, values } from './branches.ts';

serverOrSkip('postgres').describe('one phase on Postgres', () => {
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

  async function ready(...statements: string[]) {
    const transaction = await fixture.run(async () => {
      for (const statement of statements) await query(statement);
    });
    const vote = await transaction.open.ready();
    if (vote.vote !== 'ready') throw new Error(`voted ${vote.vote}`);
    const { id, dooms, open } = transaction;
    return { id, dooms, open, receipt: vote.receipt };
  }

  test('commits after the permission, not before', async () => {
    const { id, open, receipt } = await ready('INSERT INTO t VALUES (1)');
    expect(await fixture.resource.settle(id, receipt)).toEqual({ result: 'in-progress' });
    expect(await values(fixture.url)).toEqual([]);
    expect(await open.commitOnePhase()).toEqual({ result: 'committed' });
    expect(await fixture.resource.settle(id, receipt)).toEqual({ result: 'committed' });
    expect(await values(fixture.url)).toEqual([1]);
    expect(fixture.pool).toMatchObject({ totalCount: 1, idleCount: 1 });
  });

  test('without the permission it is rolled back', async () => {
    const { id, open, receipt } = await ready('INSERT INTO t VALUES (2)');
    await open.rollback();
    expect(await fixture.resource.settle(id, receipt)).toEqual({ result: 'rolled-back' });
    expect(await openTransactions(fixture.url)).toBe(0);
  });

  test('a branch that wrote nothing votes read-only', async () => {
    const { open } = await fixture.run(() => query('SELECT 1'));
    expect(await open.ready()).toEqual({ vote: 'read-only' });
  });

  test('may notify and use temporary tables, which PREPARE would refuse', async () => {
    const { open } = await ready("SELECT pg_notify('a', 'b')");
    expect(await open.commitOnePhase()).toEqual({ result: 'committed' });
    const other = await ready('CREATE TEMP TABLE x (a int)', 'INSERT INTO t VALUES (3)');
    expect(await other.open.commitOnePhase()).toEqual({ result: 'committed' });
  });

  test('a deferred constraint that fails at COMMIT rolls it back, with the reason', async () => {
    await sql(fixture.url, 'CREATE TABLE d (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)');
    const { id, open, receipt } = await ready('INSERT INTO d VALUES (1), (1)');
    expect(await open.commitOnePhase()).toMatchObject({
      result: 'rolled-back',
      reason: { code: 'constraint-violated' },
    });
    // Postgres says the error first and ends the transaction then.
    const settled = async () => {
      const answer = await fixture.resource.settle(id, receipt);
      return answer.result === 'in-progress' ? undefined : answer;
    };
    const what = 'the transaction to be over';
    expect(await waitUntil(settled, { what })).toEqual({ result: 'rolled-back' });
  });

  test('a backend that ends before COMMIT: not known here, the receipt knows', async () => {
    const { id, open, receipt, dooms } = await ready('INSERT INTO t VALUES (4)');
    await sql(
      fixture.url,
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE xact_start IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()`,
    );
    expect(await errorOf(open.commitOnePhase())).toMatchObject({ code: 'rm-unavailable' });
    expect(await fixture.resource.settle(id, receipt)).toEqual({ result: 'rolled-back' });
    expect(dooms).toMatchObject([{ code: 'rm-unavailable' }]);
  });

  test('waits for the disk, whatever the session was set to', async () => {
    const { open } = await ready('SET synchronous_commit = off', 'INSERT INTO t VALUES (7)');
    const shown = await fixture.rawClient?.query('SHOW synchronous_commit');
    expect(shown?.rows).toEqual([{ synchronous_commit: 'on' }]);
    expect(await open.commitOnePhase()).toEqual({ result: 'committed' });
  });

  test('a COMMIT of what has failed since its vote is told as the rollback that it is', async () => {
    const { id, open, receipt } = await ready('INSERT INTO t VALUES (6)');
    await fixture.rawClient?.query('SELECT 1 / 0').catch(() => undefined);
    expect(await open.commitOnePhase()).toEqual({ result: 'rolled-back' });
    expect(await fixture.resource.settle(id, receipt)).toEqual({ result: 'rolled-back' });
  });

  test('a COMMIT that finds no transaction of ours is not taken for a commit', async () => {
    const { id, open, receipt } = await ready('INSERT INTO t VALUES (5)');
    await fixture.rawClient?.query('ROLLBACK');
    expect(await errorOf(open.commitOnePhase())).toMatchObject({ code: 'rm-unavailable' });
    expect(await fixture.resource.settle(id, receipt)).toEqual({ result: 'rolled-back' });
  });
});

import { type BranchId, formatBranchId } from '@unanimous/proto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import {
  cancelWaiting,
  errorOf,
  Fixture,
  pause,
  requireAbsentStandby,
  preparedCount,
  sql,
  TestPostgres,
  values,
} from './branches.ts';

serverOrSkip('postgres').describe('phase two on Postgres', () => {
  let postgres: TestPostgres;
  let fixture: Fixture;
  const insert = () => fixture.pool.query('INSERT INTO t VALUES (1)');
  const byHand = (verb: string, id: BranchId) =>
    sql(fixture.url, `${verb} PREPARED '${formatBranchId(id)}'`);

  beforeAll(async () => {
    postgres = await TestPostgres.start();
    fixture = await postgres.fixture();
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await postgres.server.stop();
  });

  test('commit is idempotent: the receipt tells what the first has done', async () => {
    const prepared = await fixture.prepared(insert);
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('works on the connection that prepared, unless somebody needs that', async () => {
    const own = await postgres.fixture({ max: 1 });
    const prepared = () => own.prepared(() => own.pool.query('INSERT INTO t VALUES (1)'));
    await own.commit(await prepared()); // now the connection has told of its server
    const pid = (own.rawClient as unknown as { processID: number }).processID;
    const endedBy = async () =>
      (await sql(own.url, "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COMMIT PREP%'"))
        .map((row) => row['pid'])
        .includes(pid);

    const kept = await prepared();
    expect(own.pool).toMatchObject({ totalCount: 1, idleCount: 0 });
    expect(await own.commit(kept)).toEqual({ result: 'committed' });
    expect(await endedBy()).toBe(true);
    expect(own.pool).toMatchObject({ totalCount: 1, idleCount: 1 });

    const needed = await prepared();
    const had = own.pool.query('SELECT 2').then(() => true); // sooner than it would come back anyway
    expect(await Promise.race([had, pause(900)])).toBe(true);
    expect(own.pool).toMatchObject({ totalCount: 1, idleCount: 1 });
    expect(await own.commit(needed)).toEqual({ result: 'committed' });
    expect(await endedBy()).toBe(false);

    const inDoubt = await prepared();
    await waitUntil(() => own.pool.idleCount === 1, { what: 'the pool to have it back' });

    const lost = await prepared();
    const isGone = new Promise((resolve) => own.rawClient?.once('end', () => resolve(undefined)));
    await sql(own.url, `SELECT pg_terminate_backend(${pid})`);
    await isGone;
    expect(await own.commit(lost)).toEqual({ result: 'committed' });
    expect(await own.commit(inDoubt)).toEqual({ result: 'committed' });
    expect(await values(own.url)).toEqual([1, 1, 1, 1, 1]);
    await own.commit(await prepared());
    await prepared();
    await own[Symbol.asyncDispose](); // while one is kept
  });

  test('abort is idempotent', async () => {
    const { id, receipt } = await fixture.prepared(insert);
    expect(await fixture.resource.abort(id, receipt)).toEqual({ result: 'rolled-back' });
    expect(await fixture.resource.abort(id, receipt)).toEqual({ result: 'rolled-back' });
    expect(await fixture.resource.abort(id, '')).toEqual({ result: 'rolled-back' });
  });

  test('commit of what somebody rolled back by hand says so', async () => {
    const prepared = await fixture.prepared(insert);
    await byHand('ROLLBACK', prepared.id);
    expect(await fixture.commit(prepared)).toMatchObject({
      result: 'rolled-back',
      reason: { code: 'heuristic', rm: 'orders' },
    });
  });

  test('commit of what somebody committed by hand is committed', async () => {
    const prepared = await fixture.prepared(insert);
    await byHand('COMMIT', prepared.id);
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('abort of what somebody committed by hand says that it is committed', async () => {
    const { id, receipt } = await fixture.prepared(insert);
    await byHand('COMMIT', id);
    expect(await fixture.resource.abort(id, receipt)).toEqual({ result: 'committed' });
  });

  test('commit of a branch that was never prepared is unknown, never a success', async () => {
    const { id, receipt } = await fixture.prepared(insert);
    await byHand('ROLLBACK', id);
    expect(await fixture.commit({ id, receipt: '' })).toMatchObject({
      result: 'unknown',
      reason: { code: 'unknown', message: expect.stringContaining('no receipt') },
    });
    expect(await fixture.commit({ id, receipt: '{"xid":7}' })).toMatchObject({ result: 'unknown' });
    const tampered = (change: object) =>
      fixture.commit({ id, receipt: JSON.stringify({ ...JSON.parse(receipt), ...change }) });
    expect(await tampered({ systemIdentifier: '1' })).toMatchObject({ result: 'unknown' });
    expect(await tampered({ databaseOid: '1' })).toMatchObject({ result: 'unknown' });
    expect(await tampered({ timeline: 9 })).toMatchObject({
      result: 'unknown',
      reason: { message: expect.stringMatching(/timeline 9 to 1$/) },
    });
    expect(await tampered({ xid: '99999999' })).toMatchObject({ result: 'unknown' });
  });

  test('any instance can finish what another prepared', async () => {
    const prepared = await fixture.prepared(insert);
    await using other = await new Fixture(fixture.url).open();
    expect(await other.commit(prepared)).toEqual({ result: 'committed' });
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('has connections of its own: open branches may hold all of the user’s pool', async () => {
    await using own = await new Fixture(fixture.url, { max: 2 }).open();
    const prepared = await own.prepared(() => own.pool.query('INSERT INTO t VALUES (2)'));
    const holders = await Promise.all(
      [1, 2].map(() => own.run(() => own.pool.query('INSERT INTO t VALUES (3)'))),
    );
    expect(own.pool).toMatchObject({ totalCount: 2, idleCount: 0 });
    expect(await own.commit(prepared)).toEqual({ result: 'committed' });
    expect(await own.resource.scan()).toEqual([]);
    await Promise.all(holders.map(({ open }) => open.rollback()));
  });

  test('has twice as many while a crowd waits, where the server has room for them', async () => {
    await sql(fixture.url, 'CREATE ROLE crowd LOGIN SUPERUSER');
    const url = new URL(fixture.url);
    url.username = 'crowd';
    const connections = async () => {
      await using own = await new Fixture(url.href, { phaseTwoConnections: 2 }).open();
      await Promise.all(Array.from({ length: 60 }, () => own.resource.scan()));
      const one = `SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'crowd'`;
      const [few] = await sql(fixture.url, one);
      await Promise.all(Array.from({ length: 100 }, () => own.resource.scan()));
      const [many] = await sql(fixture.url, one);
      return [few?.['count'], many?.['count']];
    };
    expect(await connections()).toEqual([2, 4]);
    await sql(fixture.url, 'ALTER ROLE crowd NOSUPERUSER CONNECTION LIMIT 2');
    await sql(fixture.url, 'GRANT ALL ON ALL TABLES IN SCHEMA public TO crowd');
    await waitUntil(
      async () =>
        (await sql(fixture.url, `SELECT FROM pg_stat_activity WHERE usename = 'crowd'`)).length ===
        0,
      { what: 'the connections to close' },
    );
    expect(await connections()).toEqual([2, 2]);
  });

  test('a scan finds this resource’s branches in this database, and no others', async () => {
    await using neighbour = await postgres.fixture();
    await using sibling = await new Fixture(fixture.url, { rm: 'orders.eu' }).open();
    const ours = await fixture.prepared(insert);
    const theirs = await neighbour.prepared(() => neighbour.pool.query('INSERT INTO t VALUES (1)'));
    const siblings = await sibling.prepared(() => sibling.pool.query('INSERT INTO t VALUES (1)'));
    await sql(fixture.url, 'BEGIN', 'INSERT INTO t VALUES (4)', "PREPARE TRANSACTION 'other'");
    await sql(fixture.url, 'BEGIN', 'DELETE FROM t', "PREPARE TRANSACTION 'un1.nonsense'");

    expect(await fixture.resource.scan()).toEqual([ours.id]);
    expect(await neighbour.resource.scan()).toEqual([theirs.id]);
    expect(await sibling.resource.scan()).toEqual([siblings.id]);
    // One name for two databases: the branch is there, but not here.
    expect(await errorOf(neighbour.commit(ours))).toMatchObject({ code: 'rm-identity-mismatch' });

    await sql(fixture.url, "ROLLBACK PREPARED 'other'", "ROLLBACK PREPARED 'un1.nonsense'");
    await fixture.commit(ours);
    await neighbour.commit(theirs);
    await sibling.commit(siblings);
  });

  test('an acknowledgement that a standby has not confirmed is none', async () => {
    const prepared = await fixture.prepared(insert);
    await requireAbsentStandby(fixture.url);
    try {
      const committing = errorOf(fixture.commit(prepared));
      await cancelWaiting(fixture.url, 'COMMIT PREPARED');
      expect(await committing).toMatchObject({ code: 'rm-unavailable', retryable: true });
    } finally {
      await sql(fixture.url, 'ALTER SYSTEM RESET synchronous_standby_names');
      await sql(fixture.url, 'SELECT pg_reload_conf()');
    }
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('a prepared transaction that another session just finishes is asked again', async () => {
    const prepared = await fixture.prepared(insert);
    const both = await Promise.allSettled([1, 2, 3, 4].map(() => fixture.commit(prepared)));
    for (const each of both) {
      if (each.status === 'fulfilled') expect(each.value).toEqual({ result: 'committed' });
      else expect(each.reason).toMatchObject({ code: 'rm-unavailable', retryable: true });
    }
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
  });

  test('branches of another role are named with the remedy', async () => {
    await sql(fixture.url, 'CREATE ROLE app LOGIN', 'GRANT CREATE ON SCHEMA public TO app');
    const url = new URL(fixture.url);
    url.username = 'app';
    const prepared = await fixture.prepared(insert);
    await sql(fixture.url, 'GRANT ALL ON unanimous_log_positions, unanimous_audit TO app');
    await using own = await new Fixture(url.href).open();
    const error = await errorOf(own.commit(prepared));
    expect(error).toMatchObject({ code: 'rm-unavailable', rm: 'orders' });
    expect(error.message).toMatch(/permission denied/);
    await fixture.commit(prepared);
  });

  test('positions: the highest one is remembered, for each log', async () => {
    const { resource } = fixture;
    const logId = '0123456789ab' as never;
    const at = (epoch: number, seq: number) => ({
      ...{ logId, epoch, seq },
      ...{ nonce: `n${epoch}`, chain: `c${seq}` },
    });
    expect(await resource.remembered(logId)).toBeUndefined();
    await resource.remember(at(2, 9_007_199_254_740_000));
    expect(await resource.remembered(logId)).toEqual(at(2, 9_007_199_254_740_000));
    await resource.remember(at(2, 5));
    await resource.remember(at(1, 9_007_199_254_740_001));
    expect(await resource.remembered(logId)).toEqual(at(2, 9_007_199_254_740_000));
    await resource.remember(at(3, 1));
    expect(await resource.remembered(logId)).toEqual(at(3, 1));
    expect(await resource.remembered('ba9876543210' as never)).toBeUndefined();
  });

  test('nothing is left prepared', async () => {
    expect(await preparedCount(fixture.url)).toBe(0);
    expect((await values(fixture.url)).length).toBeGreaterThan(0);
  });
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import {
  errorOf,
  Fixture,
  openTransactions,
  pause,
  sql,
  TestPostgres,
  values,
} from './branches.ts';

const needed = serverOrSkip('postgres');

needed.describe('when Postgres or a connection dies', () => {
  let postgres: TestPostgres;

  beforeAll(async () => {
    postgres = await TestPostgres.start({
      settings: { restore_command: 'false', wal_writer_delay: '10s' },
    });
  });
  afterAll(() => postgres.server.stop());

  const terminateAll = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`;

  test('a backend that is terminated dooms its branch, and the process lives on', async () => {
    await using fixture = await postgres.fixture();
    const { open, dooms } = await fixture.run(async () => {
      await fixture.pool.query('INSERT INTO t VALUES (1)');
      await sql(fixture.url, terminateAll);
      await waitUntil(() => true, { what: 'the loss to be noticed' });
      const error = await errorOf(fixture.pool.query('INSERT INTO t VALUES (2)'));
      expect(error.message).toMatch(/connection lost|terminat/);
    });
    expect(dooms).toMatchObject([{ code: 'rm-unavailable', retryable: true }]);
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'rm-unavailable' });
    await open.rollback();
    expect(await fixture.resource.scan()).toEqual([]);
    expect(await values(fixture.url)).toEqual([]);
    const again = await fixture.prepared(() => fixture.pool.query('INSERT INTO t VALUES (3)'));
    expect(await fixture.commit(again)).toEqual({ result: 'committed' });
  });

  test('a prepared branch survives kill -9 and is found and committed', async () => {
    await using fixture = await postgres.fixture();
    const insert = () => fixture.pool.query('INSERT INTO t VALUES (1)');
    const prepared = await fixture.prepared(insert);
    const lost = await fixture.run(insert);
    await postgres.server.kill9();
    expect(await errorOf(fixture.commit(prepared))).toMatchObject({
      code: 'rm-unavailable',
      retryable: true,
    });
    expect(await errorOf(fixture.resource.scan())).toMatchObject({ code: 'rm-unavailable' });
    await waitUntil(() => lost.dooms.length > 0, { what: 'the loss to be noticed' });
    await lost.open.rollback();
    await postgres.server.restart();
    expect(await fixture.resource.scan()).toEqual([prepared.id]);
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(await values(fixture.url)).toEqual([1]);
  });

  test('one phase: after a crash the id is another’s, and so is its commit', async () => {
    await using fixture = await postgres.fixture();
    const { id, receipt } = await crashedWhenReady(fixture);
    const { xid } = JSON.parse(receipt) as { xid: string };
    const [row] = await sql(fixture.url, 'INSERT INTO t VALUES (2) RETURNING xmin::text');
    expect(row?.['xmin']).toBe(xid);
    expect(await fixture.resource.settle(id, receipt)).toMatchObject({
      result: 'unknown',
      reason: { message: expect.stringContaining('crashed') },
    });
  });

  test('one phase: an id that a crashed server has not given out again was rolled back', async () => {
    await using fixture = await postgres.fixture();
    const { id, receipt } = await crashedWhenReady(fixture);
    const [before] = await sql(fixture.url, 'SELECT pg_snapshot_xmax(pg_current_snapshot())::text');
    expect(before?.['pg_snapshot_xmax']).toBe((JSON.parse(receipt) as { xid: string }).xid);
    expect(await fixture.resource.settle(id, receipt)).toEqual({ result: 'rolled-back' });
    expect(await values(fixture.url)).toEqual([]);
  });

  test('one phase: a server that lacks an id for another reason does not speak for it', async () => {
    await using fixture = await postgres.fixture();
    const { id, receipt } = await crashedWhenReady(fixture);
    const parsed = JSON.parse(receipt) as Record<string, unknown>;
    const [now] = await sql(
      fixture.url,
      'SELECT (extract(epoch FROM stats_reset) * 1000000)::bigint::text AS mark FROM pg_stat_bgwriter',
    );
    const xid = String(BigInt(String(parsed['xid'])) + 1_000n);
    // It did not crash since, its history is another, the branch was prepared, the cluster is another.
    const others = [
      { crashMark: now?.['mark'] },
      { crashMark: '' },
      { timeline: 7 },
      { crashMark: undefined },
      { systemIdentifier: '1' },
      { databaseOid: '1' },
    ];
    for (const other of others) {
      const text = JSON.stringify({ ...parsed, xid, ...other });
      expect(await fixture.resource.settle(id, text), text).toMatchObject({ result: 'unknown' });
    }
    const text = JSON.stringify({ ...parsed, xid });
    expect(await fixture.resource.settle(id, text)).toEqual({ result: 'rolled-back' });
  });

  /** Without a word in the log of it: the id is free again. */
  async function crashedWhenReady(fixture: Fixture) {
    await sql(fixture.url, 'CHECKPOINT');
    const { id, open } = await fixture.run(() => fixture.pool.query('INSERT INTO t VALUES (1)'));
    const vote = await open.ready();
    if (vote.vote !== 'ready') throw new Error(vote.vote);
    await postgres.server.kill9();
    await open.rollback();
    await postgres.server.restart();
    return { id, receipt: vote.receipt };
  }

  test('one phase: an orderly restart leaves the receipt its word', async () => {
    await using fixture = await postgres.fixture();
    const { id, open } = await fixture.run(() => fixture.pool.query('INSERT INTO t VALUES (1)'));
    const vote = await open.ready();
    await open.commitOnePhase();
    await postgres.server.restart();
    const { receipt } = vote as { receipt: string };
    expect(await fixture.resource.settle(id, receipt)).toEqual({ result: 'committed' });
  });

  test('lost while it prepares: votes no, and what landed is rolled back', async () => {
    await using fixture = await postgres.fixture();
    await sql(
      fixture.url,
      'CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS' +
        ' $$ BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END $$',
      'CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED' +
        ' FOR EACH ROW EXECUTE FUNCTION slow()',
    );
    const { open, id } = await fixture.run(() => fixture.pool.query('INSERT INTO t VALUES (1)'));
    const preparing = errorOf(open.prepare());
    await pause(100);
    const { stream } = (fixture.rawClient as pg.PoolClient).connection;
    stream.destroy();
    expect(await preparing).toMatchObject({ code: 'rm-unavailable' });
    await open.rollback();
    // Postgres does not look at the connection while it prepares: the branch lands all the same.
    await waitUntil(async () => (await fixture.resource.scan()).length === 1, {
      what: 'it to land',
    });
    expect(await fixture.resource.abort(id, '')).toEqual({ result: 'rolled-back' });
    expect(await openTransactions(fixture.url)).toBe(0);
  });

  test('after a restore nothing is scanned or prepared before it is opened anew', async () => {
    await using fixture = await postgres.fixture();
    const insert = () => fixture.pool.query('INSERT INTO t VALUES (1)');
    const committed = await fixture.prepared(insert);
    await fixture.commit(committed);
    const pending = await fixture.prepared(insert);

    // Recovery from an archive ends on a new timeline.
    writeFileSync(join(postgres.server.dataFolder, 'recovery.signal'), '');
    await postgres.server.restart();
    const isPrimary = 'SELECT NOT pg_is_in_recovery() AS yes';
    const isBack = async () => (await sql(fixture.url, isPrimary))[0]?.['yes'];
    await waitUntil(isBack, { what: 'the server to be back' });

    expect(await errorOf(fixture.resource.scan())).toMatchObject({ code: 'rm-unavailable' });
    const stale = await fixture.run(insert);
    expect(await errorOf(stale.open.prepare())).toMatchObject({ code: 'rm-unavailable' });
    await stale.open.rollback();

    const before = fixture.incarnation;
    await fixture.open();
    expect(fixture.incarnation).toBe(before.replace(/-1$/, '-2'));
    expect(await fixture.resource.scan()).toEqual([pending.id]);
    expect(await fixture.commit(pending)).toEqual({ result: 'committed' });

    // The old timeline was left behind the branch's place: its transaction id is still its own.
    expect(await fixture.commit(committed)).toEqual({ result: 'committed' });
    const receipt = JSON.parse(committed.receipt) as object;
    const later = JSON.stringify({ ...receipt, lsn: 'FF/0' });
    expect(await fixture.commit({ ...committed, receipt: later })).toMatchObject({
      result: 'unknown',
      reason: { message: expect.stringContaining('timeline 1 to 2') },
    });

    await sql(fixture.url, 'CREATE ROLE modest LOGIN');
    await sql(fixture.url, 'GRANT ALL ON unanimous_log_positions, unanimous_audit TO modest');
    const url = new URL(fixture.url);
    url.username = 'modest';
    await using modest = await new Fixture(url.href).open();
    expect(await modest.commit(committed)).toMatchObject({
      result: 'unknown',
      reason: { message: expect.stringContaining('GRANT EXECUTE ON FUNCTION pg_read_file(text)') },
    });
    await sql(fixture.url, 'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO modest');
    expect(await modest.commit(committed)).toEqual({ result: 'committed' });
  });
});

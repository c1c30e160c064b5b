import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import {
  cancelWaiting,
  errorOf,
  preparedCount,
  requireAbsentStandby,
  sql,
  TestPostgres,
  values,
} from './branches.ts';

const needed = serverOrSkip('postgres');

needed.describe('the limits of the vote', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await TestPostgres.start({ maxPreparedTransactions: 1 });
  });
  afterAll(() => postgres.server.stop());

  test('no: all prepared slots are taken, and the next try may find one', async () => {
    await using fixture = await postgres.fixture();
    const insert = () => fixture.pool.query('INSERT INTO t VALUES (1)');
    const first = await fixture.prepared(insert);
    const { open } = await fixture.run(insert);
    expect(await errorOf(open.prepare())).toMatchObject({
      code: 'no-prepared-slot',
      retryable: true,
    });
    await open.rollback();
    await fixture.commit(first);
    await fixture.commit(await fixture.prepared(insert));
    expect(await values(fixture.url)).toEqual([1, 1]);
  });

  test('no: Postgres warns that no standby has confirmed the PREPARE', async () => {
    await using fixture = await postgres.fixture();
    await requireAbsentStandby(fixture.url);
    const { open } = await fixture.run(() => fixture.pool.query('INSERT INTO t VALUES (1)'));
    const preparing = errorOf(open.prepare());
    await cancelWaiting(fixture.url, 'PREPARE');
    expect(await preparing).toMatchObject({ code: 'prepare-refused' });
    expect(await preparedCount(fixture.url)).toBe(1);

    const rollingBack = open.rollback();
    await cancelWaiting(fixture.url, 'ROLLBACK');
    await rollingBack;
    await sql(fixture.url, 'ALTER SYSTEM RESET synchronous_standby_names');
    await sql(fixture.url, 'SELECT pg_reload_conf()');
    expect(await preparedCount(fixture.url)).toBe(0);
  });

  test('a warning is seen also where the session hides warnings', async () => {
    await using fixture = await postgres.fixture();
    await sql(
      fixture.url,
      `CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE WARNING 'from a trigger'; RETURN NULL; END $$`,
      `CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION warn()`,
    );
    const { open } = await fixture.run(async () => {
      await fixture.pool.query('SET LOCAL client_min_messages = error');
      await fixture.pool.query('INSERT INTO t VALUES (1)');
    });
    expect(await errorOf(open.prepare())).toMatchObject({
      code: 'prepare-refused',
      message: expect.stringContaining('from a trigger'),
    });
    await open.rollback();
    expect(await preparedCount(fixture.url)).toBe(0);
  });

  test('no: a write through postgres_fdw, though the transaction has no id', async () => {
    await using fixture = await postgres.fixture();
    const remote = new URL(await postgres.server.createDatabase('remote'));
    await sql(remote.href, 'CREATE TABLE r (a int)');
    await sql(
      fixture.url,
      'CREATE EXTENSION postgres_fdw',
      `CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw
      OPTIONS (host '127.0.0.1', port '${remote.port}', dbname 'remote')`,
      "CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'postgres')",
      'CREATE FOREIGN TABLE r (a int) SERVER far',
    );
    const { open } = await fixture.run(async () => {
      await fixture.pool.query('INSERT INTO r VALUES (1)');
      const { rows } = await fixture.pool.query('SELECT pg_current_xact_id_if_assigned() AS xid');
      expect(rows).toEqual([{ xid: null }]);
    });
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'prepare-refused' });
    await open.rollback();
    expect(await sql(remote.href, 'SELECT * FROM r')).toEqual([]);

    const reading = await fixture.run(() => fixture.pool.query('SELECT * FROM t'));
    expect(await reading.open.prepare()).toMatchObject({ vote: 'yes' });
    await fixture.resource.abort(reading.id, '');
  });

  test('no: the server failed over or was restored since it was opened', async () => {
    await using fixture = await postgres.fixture();
    const actual = fixture.incarnation;
    fixture.incarnation = actual.replace(/-1$/, '-9');
    const { open } = await fixture.run(() => fixture.pool.query('INSERT INTO t VALUES (1)'));
    expect(await errorOf(open.prepare())).toMatchObject({
      code: 'rm-unavailable',
      retryable: true,
    });
    await open.rollback();
    expect(await preparedCount(fixture.url)).toBe(0);
  });
});

needed.test('no: prepared transactions are off, which open() says first', async () => {
  await using postgres = await TestPostgres.start({ maxPreparedTransactions: 0 });
  const opening = await errorOf(postgres.fixture());
  expect(opening).toMatchObject({ code: 'prepared-disabled', rm: 'orders' });
  expect(opening.hint).toContain('max_prepared_transactions');
});

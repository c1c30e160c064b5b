import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import {
  errorOf,
  type Fixture,
  openTransactions,
  pause,
  preparedCount,
  sql,
  TestPostgres,
  values,
} from './branches.ts';

serverOrSkip('postgres').describe('rolling back a Postgres branch', () => {
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

  test('an idle branch gives its connection back clean', async () => {
    const { open } = await fixture.run(() => query('INSERT INTO t VALUES (1)'));
    await Promise.all([open.rollback(), open.rollback()]);
    expect(fixture.pool).toMatchObject({ totalCount: 1, idleCount: 1 });
    expect(await openTransactions(fixture.url)).toBe(0);
    expect(await values(fixture.url)).toEqual([]);
  });

  test('cancels a running statement, refuses those that wait, and frees the locks', async () => {
    const outcomes: Promise<unknown>[] = [];
    const { open } = await fixture.run(async () => {
      await query('LOCK t');
      outcomes.push(errorOf(query('SELECT pg_sleep(60)')));
      outcomes.push(errorOf(query('SELECT 2')));
      await pause(50);
    });
    const startedMs = performance.now();
    await open.rollback();
    expect(performance.now() - startedMs).toBeLessThan(2_500);
    expect(await Promise.all(outcomes)).toMatchObject([
      { code: '57014' },
      { code: 'work-after-end', message: expect.stringContaining('SELECT 2') },
    ]);
    expect(await values(fixture.url)).toEqual([]);
    await waitUntil(() => fixture.pool.totalCount === 0, { what: 'the connection to be closed' });
  });

  test('does not wait long for what cannot be cancelled', async () => {
    const { open } = await fixture.run(async () => {
      await query('LOCK t');
      // Takes the cancellation for an error like any other, and goes on.
      void query(`DO $$ BEGIN LOOP
        BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
      END LOOP; END $$`).catch(() => {});
      await pause(50);
    });
    const startedMs = performance.now();
    await open.rollback();
    expect(performance.now() - startedMs).toBeLessThan(6_000);
    await waitUntil(async () => (await openTransactions(fixture.url)) === 0, {
      what: 'the backend to end',
    });
    expect(await values(fixture.url)).toEqual([]);
  });

  test('an unread cursor ends with the connection', async () => {
    const { open } = await fixture.run(async () => {
      const client = await fixture.pool.connect();
      await client.query('LOCK t');
      client.query(new StalledCursor());
      await pause(50);
    });
    expect(open.busy()).toBe('SELECT stalled');
    const startedMs = performance.now();
    await open.rollback();
    expect(performance.now() - startedMs).toBeLessThan(2_500);
    expect(await values(fixture.url)).toEqual([]);
  });

  test('while it still waits for a connection', async () => {
    await using own = await postgres.fixture({ max: 1 });
    const holder = await own.pool.connect();
    let waiting: Promise<unknown> | undefined;
    const { open } = await own.run(async () => {
      waiting = errorOf(own.pool.query('INSERT INTO t VALUES (1)'));
      await pause(20);
    });
    await open.rollback();
    holder.release();
    expect(await waiting).toMatchObject({ code: 'work-after-end' });
    await waitUntil(() => own.pool.idleCount === 1, { what: 'the connection to come back' });
    expect(await values(own.url)).toEqual([]);
  });

  test.each([
    ['hears of it', 'PERFORM pg_sleep(60);'],
    [
      'succeeds all the same',
      'BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;',
    ],
  ])('while it prepares, which %s: nothing stays prepared', async (_, body) => {
    await using own = await postgres.fixture();
    await sql(
      own.url,
      `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN ${body} RETURN NULL; END $$`,
      `CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION slow()`,
    );
    const { open } = await own.run(() => own.pool.query('INSERT INTO t VALUES (1)'));
    const preparing = errorOf(open.prepare());
    const sleepers =
      "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    const isAsleep = async () => (await sql(own.url, sleepers)).length === 1;
    await waitUntil(isAsleep, { what: 'the PREPARE to wait' });
    await open.rollback();
    expect(await preparing).toMatchObject({ code: 'prepare-refused' });
    expect(await preparedCount(own.url)).toBe(0);
    expect(await openTransactions(own.url)).toBe(0);
  });

  test('as soon as it prepares: nothing stays prepared', async () => {
    const { open } = await fixture.run(() => query('INSERT INTO t VALUES (1)'));
    const vote = errorOf(open.prepare());
    await open.rollback();
    expect(await vote).toMatchObject({ name: 'UnanimousError' });
    expect(await preparedCount(fixture.url)).toBe(0);
    expect(await openTransactions(fixture.url)).toBe(0);
  });

  test('after the connection was lost', async () => {
    const { open, dooms } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (1)');
      await sql(
        fixture.url,
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
          WHERE xact_start IS NOT NULL AND datname = current_database()
            AND pid <> pg_backend_pid()`,
      );
    });
    await waitUntil(() => dooms.length === 1, { what: 'the loss to be noticed' });
    await open.rollback();
    expect(fixture.pool.totalCount - fixture.pool.idleCount).toBe(0);
  });
});

/** A cursor that asks for nothing once its portal is open, as one whose reader has gone away. */
class StalledCursor implements pg.Submittable {
  readonly text = 'SELECT stalled';

  submit(connection: pg.Connection): void {
    connection.parse({ name: '', text: 'SELECT generate_series(1, 10)', types: [] }, true);
    connection.bind({ portal: 'stalled' }, true);
    connection.flush();
  }

  handleError(): void {}
  handleReadyForQuery(): void {}
}

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { errorOf, type Fixture, pause, TestMariadb } from './branches.ts';

serverOrSkip('mariadb').describe('rolling back a MariaDB branch', () => {
  let mariadb: TestMariadb;
  let fixture: Fixture;
  const query = (sql: string) => fixture.query(sql);
  const promised = () => fixture.pool.promise();

  beforeAll(async () => {
    mariadb = await TestMariadb.start();
    fixture = await mariadb.fixture();
  });
  afterEach(() => fixture.clear());
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await mariadb.server.stop();
  });

  test('an idle branch gives its connection back clean', async () => {
    const { open } = await fixture.run(() => query('INSERT INTO t VALUES (1)'));
    const { threadId } = fixture.rawConnection ?? {};
    await Promise.all([open.rollback(), open.rollback()]);
    expect(await query('SELECT CONNECTION_ID() AS id')).toEqual([{ id: threadId }]);
    await fixture.allOver();
    expect(fixture.values()).toEqual([]);
  });

  test('kills a running statement, refuses those that wait, and frees the locks', async () => {
    const outcomes: Promise<unknown>[] = [];
    const { open } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (1)');
      outcomes.push(query('SELECT a FROM t WHERE SLEEP(60)').catch((error: Error) => error));
      outcomes.push(errorOf(query('SELECT 2')));
      await pause(50);
    });
    const startedMs = performance.now();
    await open.rollback();
    expect(performance.now() - startedMs).toBeLessThan(2_500);
    const [, waiting] = await Promise.all(outcomes);
    expect(waiting).toMatchObject({
      code: 'work-after-end',
      message: expect.stringContaining('SELECT 2'),
    });
    await fixture.allOver();
    expect(fixture.values()).toEqual([]);
  });

  test('while it still waits for a connection', async () => {
    await using own = await mariadb.fixture({ connectionLimit: 1 });
    const holder = await own.pool.promise().getConnection();
    let waiting: Promise<unknown> | undefined;
    const { open } = await own.run(async () => {
      waiting = errorOf(own.query('INSERT INTO t VALUES (1)'));
      await pause(20);
    });
    await open.rollback();
    holder.release();
    expect(await waiting).toMatchObject({ code: 'work-after-end' });
    await own.query('SELECT 1'); // there is but one, and it came back
    expect(own.values()).toEqual([]);
  });

  test('while it prepares: nothing stays prepared', async () => {
    const { open } = await fixture.run(() => query('INSERT INTO t VALUES (1)'));
    const vote = open.prepare().catch((error: Error) => error);
    await open.rollback();
    expect(await vote).toBeInstanceOf(Error);
    expect(fixture.listed()).toEqual([]);
    await fixture.allOver();
  });

  test('of the transaction that opened the branch: it votes no', async () => {
    const { open, dooms } = await fixture.run(async () => {
      const connection = await promised().getConnection();
      await connection.beginTransaction();
      await connection.query('INSERT INTO t VALUES (1)');
      await connection.rollback();
      connection.release();
      expect(await errorOf(query('INSERT INTO t VALUES (2)'))).toMatchObject({
        code: 'branch-doomed',
      });
    });
    expect(dooms).toMatchObject([{ code: 'branch-doomed' }]);
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'branch-doomed' });
    await open.rollback();
    expect(fixture.values()).toEqual([]);
  });

  test('one that undoes what ran beside it dooms the branch', async () => {
    const { dooms, open } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (1)');
      const [one, two] = [await promised().getConnection(), await promised().getConnection()];
      await one.beginTransaction();
      await two.beginTransaction();
      await two.query('INSERT INTO t VALUES (2)');
      await one.rollback();
      await two.commit().catch(() => undefined);
    });
    expect(dooms).toMatchObject([{ message: expect.stringContaining('beside it') }]);
    await open.rollback();
  });

  test.each([
    'COMMIT',
    'ROLLBACK',
    "XA END 'x'",
    "SELECT 1; XA COMMIT 'x'",
    '/* innocent */ COMMIT AND CHAIN',
    '-- innocent\nBEGIN',
    'SET autocommit = 0',
    'START TRANSACTION WITH CONSISTENT SNAPSHOT',
  ])('refuses pool.query(%j) before it runs', async (text) => {
    const prepared = await fixture.prepared(async () => {
      await query('INSERT INTO t VALUES (2)');
      expect(await errorOf(query(text))).toMatchObject({ code: 'transaction-control' });
    });
    await fixture.resource.abort(prepared.id, prepared.receipt);
    expect(fixture.values()).toEqual([]);
  });

  test('a connection’s reset(), changeUser() and prepare() are refused, destroy() dooms', async () => {
    const { dooms, open } = await fixture.run(async () => {
      const connection = await promised().getConnection();
      await connection.query('INSERT INTO t VALUES (3)');
      for (const call of [
        () => connection.reset(),
        () => connection.changeUser({ user: 'root' }),
        () => connection.prepare('SELECT 1'),
      ]) {
        expect(await errorOf(call())).toMatchObject({ code: 'transaction-control' });
      }
      expect(await connection.ping()).toBe(true);
      connection.destroy();
    });
    expect(dooms).toMatchObject([{ message: expect.stringContaining('destroy()') }]);
    await open.rollback();
  });

  test('a connection with somebody’s open transaction is not taken for a branch', async () => {
    await using own = await mariadb.fixture({ connectionLimit: 1 });
    const careless = await own.pool.promise().getConnection();
    await careless.query('BEGIN');
    await careless.query('INSERT INTO t VALUES (1)');
    careless.release();
    const { open } = await own.run(async () => {
      const error = await errorOf(own.query('INSERT INTO t VALUES (2)'));
      expect(error).toMatchObject({ code: 'transaction-control' });
    });
    await open.rollback();
    await own.query('INSERT INTO t VALUES (3)');
    expect(own.values()).toEqual([3]);
  });

  test('a session that was changed is not given back', async () => {
    const { open } = await fixture.run(() => query('SET SESSION sql_mode = ""'));
    const { threadId } = fixture.rawConnection ?? {};
    await open.rollback();
    expect(await query('SELECT CONNECTION_ID() AS id')).not.toEqual([{ id: threadId }]);
  });
});

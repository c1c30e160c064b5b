import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { errorOf, type Fixture, pause, TestMariadb } from './branches.ts';

serverOrSkip('mariadb').describe('the vote of a MariaDB branch', () => {
  let mariadb: TestMariadb;
  let fixture: Fixture;
  const query = (sql: string) => fixture.query(sql);

  beforeAll(async () => {
    mariadb = await TestMariadb.start();
    fixture = await mariadb.fixture();
  });
  afterEach(() => fixture.clear());
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await mariadb.server.stop();
  });

  test('yes: nothing is visible before the commit, everything after it', async () => {
    fixture.sql('DELETE FROM t');
    const prepared = await fixture.prepared(() => query('INSERT INTO t VALUES (1)'));
    expect(fixture.values()).toEqual([]);
    const { gid, branch, rm, incarnation } = prepared.id;
    const xid = [`un1.${gid}.${branch}`, `${incarnation}.${rm}`];
    const [gtrid, bqual] = xid.map((half) => `X'${Buffer.from(half).toString('hex')}'`);
    expect(fixture.sql("XA RECOVER FORMAT='SQL'")).toContain(`${gtrid},${bqual}`);
    expect(JSON.parse(prepared.receipt)).toEqual({
      database: expect.stringMatching(/^[a-z0-9]{8}$/),
      incarnation: 1,
    });
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(fixture.values()).toEqual([1]);
    await fixture.allOver();
  });

  test('a yes stands: the branch’s own rollback does not touch what is prepared', async () => {
    fixture.sql('DELETE FROM t');
    const transaction = await fixture.run(() => query('INSERT INTO t VALUES (1)'));
    const vote = (await transaction.open.prepare()) as { receipt: string };
    await transaction.open.rollback();
    const prepared = { id: transaction.id, receipt: vote.receipt };
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(fixture.values()).toEqual([1]);
  });

  test('read-only: a branch that wrote nothing is over with its vote, and leaves no receipt', async () => {
    const receipts = () => fixture.sql('SELECT COUNT(*) FROM unanimous_receipts');
    const before = receipts();
    const { open } = await fixture.run(async () => {
      await query('SELECT count(*) FROM t');
      await query('SELECT * FROM t FOR UPDATE');
      await query('WITH x AS (SELECT a FROM t) SELECT COUNT(*), a FROM x GROUP BY a ORDER BY 1');
    });
    expect(await open.prepare()).toEqual({ vote: 'read-only' });
    await fixture.allOver();
    expect(receipts()).toBe(before);
  });

  test('read-only: a branch without any statement', async () => {
    const { open } = await fixture.run(() => fixture.pool.promise().getConnection());
    expect(await open.prepare()).toEqual({ vote: 'read-only' });
  });

  test.each([
    [
      'a function',
      'CREATE FUNCTION f() RETURNS int BEGIN INSERT INTO t VALUES (3); RETURN 1; END',
      'SELECT f()',
    ],
    ['a procedure', 'CREATE PROCEDURE p() INSERT INTO t VALUES (4)', 'CALL p()'],
    ['a compound statement', 'SELECT 1', 'BEGIN NOT ATOMIC INSERT INTO t VALUES (5); END'],
    ['an update without a match', 'SELECT 1', 'UPDATE t SET a = 6 WHERE a = -1'],
  ])('not read-only: %s', async (_, make, call) => {
    await query(make);
    const { open, id } = await fixture.run(() => query(call));
    const vote = await open.prepare();
    expect(vote).toMatchObject({ vote: 'yes' });
    await fixture.resource.abort(id, '');
    await fixture.allOver();
  });

  async function refusal(...statements: string[]) {
    const { open } = await fixture.run(async () => {
      for (const statement of statements) await query(statement).catch(() => undefined);
    });
    const error = await errorOf(open.prepare());
    await open.rollback();
    expect(fixture.listed()).toEqual([]);
    await fixture.allOver();
    return error;
  }

  test.each(['MyISAM', 'Aria', 'MEMORY'])('no: a table of %s was written', async (engine) => {
    fixture.sql(`CREATE TABLE plain_${engine} (a int) ENGINE=${engine}`);
    const write = `INSERT INTO plain_${engine} VALUES (1)`;
    for (const statements of [[write], ['INSERT INTO t VALUES (7)', write]]) {
      expect(await refusal(...statements)).toMatchObject({
        code: 'prepare-refused',
        hint: expect.stringContaining('InnoDB'),
      });
    }
  });

  test('no: a trigger wrote a table without transactions', async () => {
    fixture.sql(
      'CREATE TABLE loud (a int) ENGINE=InnoDB; CREATE TABLE history (a int) ENGINE=Aria',
    );
    fixture.sql(
      'CREATE TRIGGER tr AFTER INSERT ON loud FOR EACH ROW INSERT INTO history VALUES (1)',
    );
    expect(await refusal('INSERT INTO loud VALUES (1)')).toMatchObject({ code: 'prepare-refused' });
  });

  test('no: a temporary table was made', async () => {
    const error = await refusal('CREATE TEMPORARY TABLE x (a int)', 'INSERT INTO t VALUES (7)');
    expect(error).toMatchObject({ code: 'prepare-refused' });
  });

  test('a failed statement takes back itself alone, as in any transaction of MariaDB', async () => {
    fixture.sql(
      'DELETE FROM t; CREATE TABLE u (a int PRIMARY KEY) ENGINE=InnoDB; INSERT INTO u VALUES (1)',
    );
    const prepared = await fixture.prepared(async () => {
      await query('INSERT INTO t VALUES (8)');
      const error = (await errorOf(query('INSERT INTO u VALUES (2), (1)'))) as unknown;
      expect(error).toMatchObject({ code: 'ER_DUP_ENTRY', errno: 1062 });
    });
    await fixture.commit(prepared);
    expect(fixture.values()).toEqual([8]);
    expect(fixture.sql('SELECT a FROM u')).toBe('1\n');
  });

  test('no: the loser of a deadlock, and it may be tried again', async () => {
    fixture.sql(
      'CREATE TABLE d (a int PRIMARY KEY, b int) ENGINE=InnoDB; INSERT INTO d VALUES (1,0),(2,0)',
    );
    const other = await fixture.pool.promise().getConnection();
    await other.query('BEGIN');
    // It has written more, so it is the other that loses.
    await other.query('INSERT INTO d VALUES (3,0),(4,0),(5,0),(6,0)');
    await other.query('UPDATE d SET b = 2 WHERE a = 2');
    const { open, dooms } = await fixture.run(async () => {
      await query('UPDATE d SET b = 1 WHERE a = 1');
      const waiting = other.query('UPDATE d SET b = 2 WHERE a = 1');
      await waitUntil(
        () => /LOCK WAIT/.test(fixture.sql('SELECT trx_state FROM information_schema.innodb_trx')),
        // InnoDB makes this table anew only when nobody has read it for 100 ms.
        { what: 'the lock to be waited for', intervalMs: 150 },
      );
      expect(await errorOf(query('UPDATE d SET b = 1 WHERE a = 2'))).toMatchObject({ errno: 1213 });
      await waiting;
      expect(await errorOf(query('INSERT INTO d VALUES (7,0)'))).toMatchObject({
        code: 'branch-doomed',
      });
    });
    expect(dooms).toMatchObject([{ code: 'serialization-failure', retryable: true }]);
    expect(await errorOf(open.prepare())).toMatchObject({
      code: 'serialization-failure',
      retryable: true,
    });
    await open.rollback();
    await other.query('ROLLBACK');
    other.release();
    await fixture.allOver();
  });

  test('a lock timeout takes back its statement alone', async () => {
    fixture.sql(
      'DELETE FROM t; CREATE TABLE l (a int PRIMARY KEY, b int) ENGINE=InnoDB; INSERT INTO l VALUES (1,0)',
    );
    const other = await fixture.pool.promise().getConnection();
    await other.query('BEGIN');
    await other.query('UPDATE l SET b = 1');
    const { open, id, dooms } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (9)');
      expect(await errorOf(query('SELECT * FROM l FOR UPDATE NOWAIT'))).toMatchObject({
        errno: 1205,
      });
    });
    await other.query('ROLLBACK');
    other.release();
    expect(dooms).toEqual([]);
    const vote = await open.prepare();
    expect(vote).toMatchObject({ vote: 'yes' });
    await fixture.commit({ id, receipt: (vote as { receipt: string }).receipt });
    expect(fixture.values()).toEqual([9]);
  });

  test('no: a statement still runs', async () => {
    let running: Promise<unknown> | undefined;
    const { open } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (10)');
      running = query('SELECT SLEEP(30)').catch((error: Error) => error);
      await pause(50);
    });
    expect(open.busy()).toBe('SELECT SLEEP(30)');
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'statement-running' });
    await open.rollback();
    await running;
    await fixture.allOver();
  });

  test('no: a transaction that a builder began was not ended', async () => {
    const { open } = await fixture.run(async () => {
      const connection = await fixture.pool.promise().getConnection();
      await connection.beginTransaction();
      await connection.query('INSERT INTO t VALUES (10)');
    });
    expect(open.busy()).toContain('BEGIN');
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'statement-running' });
    await open.rollback();
  });

  test('no: SQL past our eyes ended the transaction', async () => {
    const { open, id } = await fixture.run(async () => {
      await query('INSERT INTO t VALUES (11)');
      await query(
        `EXECUTE IMMEDIATE CONCAT('XA ', 'END ''un1.', '${fixture.host.current?.id.gid}.1'',''${fixture.incarnation}.orders''')`,
      );
    });
    expect(id.gid).toBeDefined();
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'transaction-control' });
    await open.rollback();
    await fixture.allOver();
  });

  test('no: a branch of what the database was before it was restored', async () => {
    const own = await mariadb.fixture();
    const { open } = await own.host.run({ rm: 'orders', incarnation: `${own.incarnation}0` }, () =>
      own.query('INSERT INTO t VALUES (1)'),
    );
    expect(await errorOf(open.prepare())).toMatchObject({ code: 'rm-unavailable' });
    await own[Symbol.asyncDispose]();
  });

  test('the receipt goes to the own database, whichever the user changes to', async () => {
    fixture.sql('CREATE DATABASE elsewhere; CREATE TABLE elsewhere.e (a int) ENGINE=InnoDB');
    const prepared = await fixture.prepared(async () => {
      const connection = await fixture.pool.promise().getConnection();
      await connection.query('USE elsewhere');
      await connection.query('INSERT INTO e VALUES (1)');
    });
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(await fixture.query('SELECT DATABASE() AS db')).toEqual([{ db: fixture.database }]);
  });
});

import mysql2, { type PoolOptions } from 'mysql2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mysql } from '../../../participant-sdk/src/mysql/index.ts';
import { checkVersion, readVersion } from '../../../participant-sdk/src/mysql/open-checks.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { errorOf, Fixture, TestMariadb } from './branches.ts';

serverOrSkip('mariadb').describe('opening a MariaDB resource', () => {
  let mariadb: TestMariadb;

  beforeAll(async () => {
    mariadb = await TestMariadb.start();
  });
  afterAll(() => mariadb.server.stop());

  test('says what the name stands for, the same at every time and place', async () => {
    await using fixture = await mariadb.fixture();
    await using again = await new Fixture(mariadb.server, fixture.database).open();
    await using other = await mariadb.fixture();
    expect(fixture.identity).toMatch(new RegExp(`^mysql:[a-z0-9]{8}:${fixture.database}$`));
    expect(fixture.incarnation).toMatch(/^[a-z0-9]{8}-1$/);
    const { identity, incarnation } = fixture;
    expect(again).toMatchObject({ identity, incarnation });
    expect(other.identity).not.toBe(identity);
  });

  test('many processes may open a new database at once', async () => {
    const database = mariadb.database();
    const fixtures = Array.from({ length: 8 }, () => new Fixture(mariadb.server, database));
    await Promise.all(fixtures.map((fixture) => fixture.open()));
    expect(new Set(fixtures.map(({ identity }) => identity)).size).toBe(1);
    await Promise.all(fixtures.map(({ resource }) => resource.close()));
  });

  test('a restore raises the incarnation: nothing is scanned before it is opened anew', async () => {
    await using fixture = await mariadb.fixture();
    const insert = () => fixture.query('INSERT INTO t VALUES (1)');
    const pending = await fixture.prepared(insert);
    const lost = await fixture.prepared(insert);
    await fixture.resource.abort(lost.id, lost.receipt);
    fixture.sql('UPDATE unanimous_identity SET incarnation = incarnation + 1');
    expect(await errorOf(fixture.resource.scan())).toMatchObject({ code: 'rm-unavailable' });
    await fixture.open();
    expect(fixture.incarnation).toMatch(/-2$/);
    expect(await fixture.resource.scan()).toEqual([pending.id]);
    expect(await fixture.commit(pending)).toEqual({ result: 'committed' });
    // Its row may have been lost with what the backup did not have.
    expect(await fixture.commit(lost)).toMatchObject({
      result: 'unknown',
      reason: { message: expect.stringContaining('incarnation 1 to 2') },
    });
  });

  test('a copy of a database is refused until it has an id of its own', async () => {
    await using fixture = await mariadb.fixture();
    const database = mariadb.database();
    mariadb.server.client(`CREATE TABLE ${database}.unanimous_identity
      LIKE ${fixture.database}.unanimous_identity;
      INSERT INTO ${database}.unanimous_identity SELECT * FROM ${fixture.database}.unanimous_identity`);
    const copy = new Fixture(mariadb.server, database);
    const error = await errorOf(copy.open());
    expect(error).toMatchObject({ code: 'rm-identity-mismatch' });
    copy.sql(/DELETE FROM unanimous_identity/.exec(error.hint)?.[0] ?? '');
    await copy.open();
    expect(copy.identity).not.toBe(fixture.identity);
    await copy[Symbol.asyncDispose]();
  });

  test('without the right to make its tables it gives the statements to run', async () => {
    const database = mariadb.database();
    mariadb.server.client(`CREATE USER 'app'@'%' IDENTIFIED BY 'sesame';
      GRANT SELECT, INSERT ON ${database}.t TO 'app'@'%'`);
    const where = { user: 'app', password: 'sesame' };
    const refused = new Fixture(mariadb.server, database, where);
    const error = await errorOf(refused.open());
    expect(error).toMatchObject({ code: 'rm-unavailable', retryable: false, rm: 'orders' });
    await refused.resource.close();
    mariadb.server.client(/^Run in this database: (.*)$/s.exec(error.hint)?.[1] ?? '', database);

    await using fixture = await new Fixture(mariadb.server, database, where).open();
    const prepared = await fixture.prepared(() => fixture.query('INSERT INTO t VALUES (1)'));
    expect(await fixture.resource.scan()).toEqual([prepared.id]);
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    await fixture.resource.remember({
      logId: '0123456789ab' as never,
      epoch: 1,
      nonce: 'n',
      seq: 1,
      chain: 'c',
    });
  });

  test('wrong credentials are named without the password', async () => {
    const refusal = async (change: PoolOptions) => {
      const database = mariadb.database();
      const fixture = new Fixture(mariadb.server, database, { password: 'swordfish', ...change });
      const error = await errorOf(fixture.open());
      await fixture.resource.close();
      expect(JSON.stringify([error, error.message, error.hint])).not.toContain('swordfish');
      return error;
    };
    expect(await refusal({})).toMatchObject({
      code: 'rm-unavailable',
      retryable: false,
      hint: expect.stringContaining('password'),
    });
    expect(await refusal({ password: '', database: 'nowhere' })).toMatchObject({
      code: 'rm-unavailable',
      hint: expect.stringContaining('name of the database'),
    });
    expect(await refusal({ password: '', database: undefined as never })).toMatchObject({
      hint: expect.stringContaining('`database`'),
    });
    expect(await refusal({ port: 1 })).toMatchObject({ code: 'rm-unavailable', retryable: true });
  });

  test.each([
    ['innodb_flush_log_at_trx_commit', 2, 1, 'power cut'],
    ['read_only', 1, 0, 'primary'],
  ])('%s = %i is refused', async (variable, bad, good, word) => {
    const database = mariadb.database();
    const fixture = new Fixture(mariadb.server, database);
    mariadb.server.client(`SET GLOBAL ${variable} = ${bad}`);
    const error = await errorOf(fixture.open());
    mariadb.server.client(`SET GLOBAL ${variable} = ${good}`);
    expect(error).toMatchObject({ code: 'rm-unavailable', hint: expect.stringContaining(word) });
    await fixture.open();
    await fixture[Symbol.asyncDispose]();
  });

  test.each([
    ['10.4.34-MariaDB-log', false],
    ['5.5.5-10.4.1-MariaDB', false],
    ['5.5.5-10.6.1-MariaDB', true],
    ['10.5.0-MariaDB', true],
    ['11.8.2-MariaDB-ubu2404', true],
    ['8.0.28', false],
    ['8.0.29-0ubuntu0.22.04.2', true],
    ['8.4.5', true],
    ['9.0.0', true],
    ['5.7.44-log', false],
  ])('version %s: %s', (text, isTaken) => {
    const check = () => checkVersion(readVersion(text), 'orders');
    if (isTaken) check();
    else
      expect(check).toThrow(expect.objectContaining({ code: 'rm-unavailable', retryable: false }));
  });

  test('a name that is none is refused at once', () => {
    expect(() => mysql({ rm: 'no spaces', mysql2 })).toThrow(/not a resource manager/);
  });

  test('reads its own results however the pool of the user is set', async () => {
    const odd = {
      rowsAsArray: true,
      dateStrings: true,
      decimalNumbers: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      namedPlaceholders: true,
      multipleStatements: true,
      typeCast: () => 'odd',
    };
    await using plain = await mariadb.fixture();
    await using fixture = await new Fixture(mariadb.server, plain.database, odd).open();
    expect(fixture.incarnation).toBe(plain.incarnation);
    const readOnly = await fixture.run(() => fixture.query('SELECT * FROM t'));
    expect(await readOnly.open.prepare()).toEqual({ vote: 'read-only' });
    const prepared = await fixture.prepared(() =>
      fixture.query('INSERT INTO t VALUES (:a); INSERT INTO t VALUES (2)', { a: 1 } as never),
    );
    expect(await fixture.resource.scan()).toEqual([prepared.id]);
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(await fixture.commit(prepared)).toEqual({ result: 'committed' });
    expect(await fixture.resource.remembered('0123456789ab' as never)).toBeUndefined();
    expect(fixture.values()).toEqual([1, 2]);
  });

  test('close lets all connections go, and may be called again', async () => {
    const fixture = await mariadb.fixture();
    await fixture.query('SELECT 1');
    await fixture.resource.close();
    await fixture.resource.close();
    await expect(fixture.query('SELECT 1')).rejects.toThrow(/closed/);
  });
});

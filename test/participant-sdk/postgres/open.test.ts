import { afterAll, beforeAll, expect, test } from 'vitest';
import pg from 'pg';
import { postgres as makeResource } from '../../../participant-sdk/src/postgres/index.ts';
import { primaryState } from '../../../participant-sdk/src/postgres/settle.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { errorOf, Fixture, sql, TestPostgres } from './branches.ts';

serverOrSkip('postgres').describe('opening a Postgres resource', () => {
  let postgres: TestPostgres;

  beforeAll(async () => {
    postgres = await TestPostgres.start();
  });
  afterAll(() => postgres.server.stop());

  test('says what the name stands for, the same at every time and place', async () => {
    await using fixture = await postgres.fixture();
    await using again = await new Fixture(fixture.url).open();
    await using other = await postgres.fixture();
    const { database } = new pg.Client(fixture.url);
    expect(fixture.identity).toMatch(new RegExp(`^pg:\\d+:${database}$`));
    expect(fixture.incarnation).toMatch(/^[a-z0-9]+-1$/);
    expect(again).toMatchObject({
      identity: fixture.identity,
      incarnation: fixture.incarnation,
    });
    expect(other.identity).not.toBe(fixture.identity);
  });

  test('many processes may open a new database at once', async () => {
    const url = await postgres.server.createDatabase('fresh');
    const fixtures = Array.from({ length: 8 }, () => new Fixture(url));
    await Promise.all(fixtures.map((fixture) => fixture.open()));
    await Promise.all(fixtures.map(({ resource }) => resource.close()));
  });

  test('without the right to make its table it gives the statements to run', async () => {
    const url = new URL(await postgres.server.createDatabase('strict'));
    await sql(url.href, 'CREATE ROLE "O""Brien" LOGIN');
    url.username = 'O"Brien';
    const refused = await errorOf(new Fixture(url.href).open());
    expect(refused).toMatchObject({ code: 'rm-unavailable', retryable: false, rm: 'orders' });

    url.username = 'postgres';
    const statements = /^Run in this database: (.*)$/.exec(refused.hint)?.[1] ?? '';
    await sql(url.href, statements);
    url.username = 'O"Brien';
    await using fixture = await new Fixture(url.href).open();
    expect(await fixture.resource.scan()).toEqual([]);
  });

  test('wrong credentials are named without the password', async () => {
    const refusal = async (change: (url: URL) => void) => {
      const url = new URL(postgres.server.url());
      url.password = 'sesame';
      change(url);
      const fixture = new Fixture(url.href);
      const error = await errorOf(fixture.open());
      await fixture.resource.close();
      expect(JSON.stringify([error, error.message, error.hint])).not.toContain('sesame');
      return error;
    };
    expect(await refusal((url) => (url.username = 'nobody'))).toMatchObject({
      code: 'rm-unavailable',
      message: expect.stringContaining('nobody'),
      retryable: false,
    });
    expect(await refusal((url) => (url.pathname = '/nowhere'))).toMatchObject({
      code: 'rm-unavailable',
      hint: expect.stringContaining('name of the database'),
    });
    expect(await refusal((url) => (url.port = '1'))).toMatchObject({
      code: 'rm-unavailable',
      retryable: true,
    });
  });

  test('a driver that shows no warnings is refused', async () => {
    // As pg.native, which emits none.
    class MuteClient extends pg.Client {
      override emit(event: string, ...args: unknown[]): boolean {
        return event === 'notice' ? false : super.emit(event, ...args);
      }
    }
    const fixture = new Fixture(postgres.server.url(), { Client: MuteClient });
    expect(await errorOf(fixture.open())).toMatchObject({
      code: 'invalid-argument',
      hint: expect.stringContaining('pg.native'),
    });
    await fixture.resource.close();
  });

  test('a standby is refused', () => {
    const row = { system: '1', oid: '5', name: 'db', walFile: null, lsn: null, crashMark: null };
    expect(() => primaryState(row, 'orders')).toThrow(/standby/);
  });

  test('a name that is none is refused at once', () => {
    expect(() => makeResource({ rm: 'no spaces', pg })).toThrow(/not a resource manager/);
  });

  test('reads its own results whatever type parsers the pool has', async () => {
    const textOid = 25;
    const getTypeParser = (oid: number) => (value: unknown) => {
      if (oid !== textOid) throw new Error(`a value of type ${oid}`);
      return value;
    };
    await using plain = await postgres.fixture();
    const types = { getTypeParser: getTypeParser as never };
    await using own = await new Fixture(plain.url, { types }).open();
    expect(own.incarnation).toBe(plain.incarnation);
    const prepared = await own.prepared(() => own.pool.query('INSERT INTO t VALUES (1)'));
    expect(await own.resource.scan()).toEqual([prepared.id]);
    expect(await own.commit(prepared)).toEqual({ result: 'committed' });
    expect(await own.commit(prepared)).toEqual({ result: 'committed' });
    expect(await own.resource.remembered('0123456789ab' as never)).toBeUndefined();
  });

  test('close lets all connections go, and may be called again', async () => {
    const fixture = await postgres.fixture();
    await fixture.pool.query('SELECT 1');
    await fixture.resource.close();
    await fixture.resource.close();
    const others = `SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`;
    expect(await sql(fixture.url, others)).toEqual([]);
    await expect(fixture.pool.query('SELECT 1')).rejects.toThrow(/after calling end/);
  });
});

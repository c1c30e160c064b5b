import { copyFileSync, rmSync } from 'node:fs';
import { serialize } from 'node:v8';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { SqliteFixture } from './sqlite-fixture.ts';

const schema = `
  create table notes (
    id integer primary key, text, at text not null default current_timestamp,
    day as (date(at)) stored, chance default (lower(hex(randomblob(8)))));
  create index notes_by_day on notes (date(at));
  create table history (note, at real, since text, chance integer);
  create trigger keep after insert on notes begin
    insert into history
      values (last_insert_rowid(), julianday('now'), timediff('now', '2024-01-01'), random());
  end;`;

test('what is repeated after a restart writes the same: time, chance, row ids and values of any kind', async () => {
  await using fixture = new SqliteFixture(schema);
  const app = await fixture.serve();
  const rows = async () => [
    await app.all('select * from notes'),
    await app.all('select * from history'),
    await app.all(
      `select text, typeof(text) as kind, unixepoch() as now, datetime('now', '-1 day') as day,
         strftime('%s') as seconds, time('subsec') as precise from notes`,
    ),
  ];
  let seen: unknown;
  const transaction = await fixture.coordinator.begin(async () => {
    for (const value of [
      '\ud83c\udf5c',
      2 ** 53,
      0.1,
      9_007_199_254_740_993n,
      Buffer.from([0, 255]),
    ]) {
      await app.run('insert into notes (text) values (?)', value);
    }
    await app.run('insert into notes (text) values ($text)', { text: null });
    await app.run(
      `insert into notes (text) select unixepoch() from notes where id = last_insert_rowid()`,
    );
    seen = (await rows()).slice(0, 2);
  });
  await transaction.prepare();
  await app.close();
  const again = await fixture.serve();
  expect(await again.scan()).toEqual([transaction.id(app)]);
  expect(await again.all('select * from notes')).toEqual([]);
  await expect(again.run('delete from notes')).rejects.toMatchObject({ code: 'rm-unavailable' });
  expect(await again.commit(transaction.id(app), transaction.decided(app))).toEqual({
    result: 'committed',
  });
  const found = [await again.all('select * from notes'), await again.all('select * from history')];
  expect(found).toEqual(seen);
  expect(fixture.other((database) => database.pragma('integrity_check'))).toEqual([
    { integrity_check: 'ok' },
  ]);
});

test('time and chance are SQLite’s own, but for the moment', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const query = `select date('2024-02-30', '+1 month') as a, strftime('%Y', 0, 'unixepoch') as b,
    timediff('2024-03-01', '2024-02-01') as c, datetime(null) as d, typeof(unixepoch()) as e,
    typeof(julianday()) as f, strftime() as g, typeof(random()) as h, length(randomblob(0)) as i,
    abs(unixepoch('now') - unixepoch(current_timestamp)) as j, length(time('now', 'subsec')) as k,
    length(datetime('subsec')) as l, random() = random() as m`;
  let inside: unknown;
  await fixture.coordinator.begin(async () => void (inside = await app.get(query)));
  expect(inside).toEqual(await app.get(query));
});

test('what nobody has written to meanwhile is repeated, whoever has read it', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const transaction = await fixture.prepared(app);
  await app.close();
  expect(fixture.texts()).toEqual([]); // another program, the last to close the file
  const again = await fixture.serve();
  expect(await again.commit(transaction.id(app), transaction.decided(app))).toEqual({
    result: 'committed',
  });
  expect(fixture.texts()).toEqual(['kept']);
});

test.each([
  ['a write', `insert into notes (text) values ('stranger')`],
  ['a write and its opposite', `insert into notes (text) values ('x'); delete from notes`],
  ['another schema', 'create table more (id)'],
])('%s of another program while the branch was in doubt is a hazard', async (_what, sql) => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const transaction = await fixture.prepared(app);
  await app.close();
  fixture.other((database) => database.exec(sql));
  const before = fixture.texts();
  const again = await fixture.serve();
  const [id, decided] = [transaction.id(app), transaction.decided(app)];
  expect(await again.scan()).toEqual([id]); // its decision is still to be heard
  for (let n = 0; n < 2; n += 1) {
    expect(await again.commit(id, decided)).toMatchObject({
      result: 'unknown',
      reason: {
        code: 'heuristic',
        message: expect.stringContaining('somebody else may have written'),
      },
    });
  }
  expect(await again.scan()).toEqual([]);
  expect(fixture.texts()).toEqual(before);
  await again.run(`insert into notes (text) values ('next')`);
  expect(await again.abort(id, '')).toEqual({ result: 'rolled-back' });
});

test('a reader of old rows keeps the WAL, and who writes behind it is noticed all the same', async () => {
  for (const writes of [false, true]) {
    await using fixture = new SqliteFixture();
    const app = await fixture.serve();
    await (await fixture.prepared(app, 'first')).commit();
    const reader = new Database(fixture.file);
    reader.exec('begin; select * from notes');
    await app.run(`insert into notes (text) values ('second')`);
    const transaction = await fixture.prepared(app);
    await app.close();
    if (writes) fixture.other((database) => database.exec('delete from notes where id = 1'));
    const again = await fixture.serve();
    const { result } = await again.commit(transaction.id(app), transaction.decided(app));
    reader.close();
    expect(result).toBe(writes ? 'unknown' : 'committed');
  }
});

test.each([
  [
    'its parameter',
    `update unanimous_statements set parameters = x'${serialize(['y']).toString('hex')}'`,
    'something else',
  ],
  [
    'its text',
    `update unanimous_statements set sql = 'insert into none values (?)'`,
    'a statement fails now',
  ],
])('redo that has changed (%s) is a hazard', async (_what, sql, why) => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const transaction = await fixture.prepared(app);
  await app.close();
  fixture.other((database) => database.exec(sql), fixture.sidecar);
  const again = await fixture.serve();
  expect(await again.commit(transaction.id(app), transaction.decided(app))).toMatchObject({
    result: 'unknown',
    reason: { message: expect.stringContaining(why) },
  });
  expect(fixture.texts()).toEqual([]);
});

test('killed between the COMMIT and the end of its redo: the receipt tells, and nothing is repeated', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const transaction = await fixture.prepared(app);
  await app.close();
  copyFileSync(fixture.sidecar, fixture.path('before'));
  const again = await fixture.serve();
  const [id, decided] = [transaction.id(app), transaction.decided(app)];
  await again.commit(id, decided);
  await again.close();
  for (const end of ['-wal', '']) rmSync(`${fixture.sidecar}${end}`, { force: true });
  copyFileSync(fixture.path('before'), fixture.sidecar);
  const third = await fixture.serve();
  expect(await third.scan()).toEqual([]);
  expect(await third.commit(id, decided)).toEqual({ result: 'committed' });
  expect(await third.abort(id, '')).toEqual({ result: 'committed' });
  await third.run(`insert into notes (text) values ('next')`);
  expect(fixture.texts()).toEqual(['kept', 'next']);
});

test.each(['before', 'after'] as const)(
  'a COMMIT that fails %s it is done is asked again, and done once',
  async (when) => {
    await using fixture = new SqliteFixture();
    let failures = 1;
    const Failing = class extends Database {
      override exec(sql: string): this {
        if (sql !== 'COMMIT' || failures-- <= 0) return super.exec(sql);
        if (when === 'after') super.exec(sql);
        throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' });
      }
    };
    const app = await fixture.serve({ Database: Failing });
    const transaction = await fixture.prepared(app);
    await expect(transaction.commit()).rejects.toMatchObject({
      code: 'rm-unavailable',
      message: expect.stringContaining('the disk failed'),
    });
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    await app.run(`insert into notes (text) values ('next')`);
    expect(fixture.texts()).toEqual(['kept', 'next']);
  },
);

test('a vote that failed is a no, and what has landed of it waits for its abort', async () => {
  await using fixture = new SqliteFixture();
  let failures = 0;
  const Failing = class extends Database {
    override exec(sql: string): this {
      super.exec(sql);
      if (sql !== 'commit' || failures-- <= 0) return this; // the sidecar's
      throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' });
    }
  };
  const app = await fixture.serve({ Database: Failing });
  failures = 1;
  await expect(fixture.prepared(app, 'refused')).rejects.toMatchObject({ code: 'rm-unavailable' });
  await expect(app.scan()).rejects.toMatchObject({ code: 'rm-unavailable' });
  await app.open(); // as the runtime does then
  const [refused] = await app.scan();
  if (!refused) throw new Error('nothing has landed');
  const next = app.run(`insert into notes (text) values ('next')`);
  expect(await app.abort(refused, '')).toEqual({ result: 'rolled-back' });
  await next;
  expect(fixture.texts()).toEqual(['next']);
});

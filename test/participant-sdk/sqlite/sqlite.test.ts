import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { sqlite } from '../../../participant-sdk/src/sqlite/index.ts';
import { SqliteFixture } from './sqlite-fixture.ts';

const insert = 'insert into notes (text) values (?)';

test('statements of a transaction are seen in it, by others when it commits, and never when it aborts', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const transaction = await fixture.coordinator.begin(async () => {
    expect(await app.run(insert, 'a')).toEqual({ changes: 1, lastInsertRowid: 1 });
    expect(await app.get('insert into notes (text) values (?) returning id', 'b')).toEqual({
      id: 2,
    });
    await app.run('update notes set text = $to where text = $from', { from: 'a', to: 'c' });
    expect(await app.all('select text from notes')).toEqual([{ text: 'c' }, { text: 'b' }]);
  });
  expect(await app.all('select text from notes')).toEqual([]);
  await transaction.prepare();
  expect(fixture.texts()).toEqual([]);
  expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
  expect(fixture.texts()).toEqual(['c', 'b']);
  await (await fixture.prepared(app, 'never')).abort();
  expect(fixture.texts()).toEqual(['c', 'b']);
});

test('outside of a transaction a statement counts at once, and waits for the one before it', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve({ waitMs: 5_000 });
  expect(await app.run(insert, 'alone')).toMatchObject({ changes: 1 });
  const transaction = await fixture.prepared(app, 'first');
  const later = app.run(insert, 'later');
  expect(await app.get('select count(*) as n from notes')).toEqual({ n: 1 });
  await transaction.commit();
  expect(await later).toMatchObject({ lastInsertRowid: 3 });
  expect(fixture.texts()).toEqual(['alone', 'first', 'later']);
});

test('who waits for too long is told which branch is in doubt', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve({ waitMs: 50 });
  const transaction = await fixture.prepared(app);
  await expect(app.run(insert, 'late')).rejects.toMatchObject({
    code: 'rm-unavailable',
    retryable: true,
    message: expect.stringContaining(transaction.gid),
  });
  await transaction.commit();
  await app.run(insert, 'in time');
  expect(fixture.texts()).toEqual(['kept', 'in time']);
});

test('a lock of another program is waited for, and named', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve({ waitMs: 50 });
  const other = new Database(fixture.file);
  other.exec('begin immediate');
  const work = () => fixture.coordinator.begin(async () => void (await app.run(insert, 'x')));
  await expect(work()).rejects.toMatchObject({
    code: 'rm-unavailable',
    message: expect.stringContaining('somebody else holds the write lock'),
  });
  other.exec('rollback');
  other.close();
  await (await work()).prepare();
});

test.each([
  ['commit', 'transaction-control', 'COMMIT: the transaction is begun and ended for you'],
  ['/* a */ -- b\n ;RollBack', 'transaction-control', 'ROLLBACK:'],
  ['savepoint a', 'transaction-control', 'SAVEPOINT:'],
  ['pragma user_version = 3', 'invalid-argument', 'sql: PRAGMA cannot be part'],
  [`attach 'x.db' as x`, 'invalid-argument', 'sql: ATTACH cannot be part'],
  ['vacuum', 'invalid-argument', 'sql: VACUUM cannot be part'],
  ['delete from nowhere', 'invalid-argument', 'no such table'],
])('%s: refused', async (sql, code, message) => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const refused = { code, message: expect.stringContaining(message) };
  await expect(app.run(sql)).rejects.toMatchObject(refused);
  const work = fixture.coordinator.begin(async () => void (await app.run(sql)));
  await expect(work).rejects.toMatchObject(refused);
});

test.each([
  ['a constraint', insert, null, 'constraint-violated'],
  ['OR ROLLBACK', 'insert or rollback into notes values (1, ?)', 'x', 'constraint-violated'],
  ['RAISE(ROLLBACK)', 'delete from notes where text <> ?', 'x', 'constraint-violated'],
])('%s that fails a statement dooms the branch', async (_name, sql, value, code) => {
  await using fixture =
    new SqliteFixture(`create table notes (id integer primary key, text not null);
    create trigger keep before delete on notes begin select raise(rollback, 'kept'); end;`);
  const app = await fixture.serve();
  await app.run(insert, 'there');
  const transaction = await fixture.coordinator.begin(async () => {
    await app.run(insert, 'before');
    await expect(app.run(sql, value)).rejects.toMatchObject({ code });
    await app.run(insert, 'after').catch(() => undefined);
  });
  await expect(transaction.prepare()).rejects.toMatchObject({ code });
  expect(fixture.texts()).toEqual(['there']);
  await app.run(insert, 'next');
});

test('a foreign key that SQLite checks at COMMIT is checked before the vote', async () => {
  await using fixture = new SqliteFixture(`create table notes (id integer primary key, text text);
    create table tags (note integer not null references notes deferrable initially deferred);`);
  const app = await fixture.serve();
  const tag = (note: number) =>
    fixture.coordinator.begin(async () => {
      await app.run('insert into tags values (?)', note);
      if (note === 1) await app.run('insert into notes values (1, ?)', 'later');
    });
  await expect((await tag(7)).prepare()).rejects.toMatchObject({
    code: 'constraint-violated',
    message: expect.stringContaining('a row of tags refers to none of notes'),
  });
  const whole = await tag(1);
  await whole.prepare();
  expect(await whole.commit()).toEqual([{ result: 'committed' }]);
});

test('a prepare that was overtaken by its abort leaves nothing behind', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const late = await fixture.coordinator.begin(async () => void (await app.run(insert, 'late')));
  expect(await app.abort(late.id(app), '')).toEqual({ result: 'rolled-back' });
  await expect(late.prepare()).rejects.toMatchObject({ code: 'not-live' });
  expect(await app.scan()).toEqual([]);
  await app.run(insert, 'next');
  expect(fixture.texts()).toEqual(['next']);
});

test('receipts go below the low-water mark and of age, not by age alone', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve({ keepReceiptsMs: 0 });
  const receipts = () =>
    fixture.other((database) =>
      database.prepare('select seq from unanimous_receipts order by seq').pluck().all(),
    );
  const commit = async (lowWaterSeq: number) => {
    await (await fixture.prepared(app)).commit(lowWaterSeq);
    await new Promise((resolve) => setTimeout(resolve, 2)); // older than none
  };
  for (let n = 0; n < 3; n += 1) await commit(0);
  expect(receipts()).toEqual([1, 2, 3]);
  await commit(3);
  expect(receipts()).toEqual([3, 4]);
});

test('what can’t be the same again is refused in a branch', async () => {
  await using fixture = new SqliteFixture();
  const app = await fixture.serve();
  const transaction = await fixture.coordinator.begin(async () => {
    await expect(app.run('insert into notes (text) select total_changes()')).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('total_changes() is not the same'),
    });
  });
  await expect(transaction.prepare()).rejects.toMatchObject({ code: 'invalid-argument' });
});

test('a database in memory is refused', () => {
  expect(() => sqlite({ rm: 'app-db', file: ':memory:', Database })).toThrow(
    expect.objectContaining({ code: 'invalid-argument' }),
  );
});

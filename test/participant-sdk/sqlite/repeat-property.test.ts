import { fc } from '../../support/fast-check.ts';
import { expect, test } from 'vitest';
import { SqliteFixture } from './sqlite-fixture.ts';

const schema = `
  create table notes (
    id integer primary key, text text unique, at text not null default current_timestamp,
    chance integer not null default (random()));
  create table history (note integer, what text, at real default (julianday()));
  create trigger inserted after insert on notes begin
    insert into history (note, what) values (new.id, hex(randomblob(2)));
  end;
  create trigger deleted after delete on notes begin
    update history set what = what || strftime('%f', 'now') where note = old.id;
  end;`;

const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  fc.constant(null),
);

const statement = fc.oneof(
  value.map((text) => ['insert or ignore into notes (text) values (?)', text] as const),
  value.map(
    (text) => ['insert or replace into notes (text) values (?) returning id', text] as const,
  ),
  fc
    .nat(6)
    .map((n) => ['delete from notes where id in (select id from notes limit ?)', n] as const),
  fc.nat(9).map((n) => ['update notes set text = text || random() where id % 3 = ?', n] as const),
  fc.nat(9).map((n) => ['insert into notes (text) select unixepoch() + random() + ?', n] as const),
  fc.nat(9).map((n) => ['insert into history (note) values (last_insert_rowid() + ?)', n] as const),
  fc.nat(3).map((n) => [`create table if not exists more as select ?, random()`, n] as const),
);

const dump = ['select * from notes', 'select * from history'];

test('whatever statements do, repeated they do the same', async () => {
  const runs = Number(process.env['PROPERTY_RUNS'] ?? 5);
  let changed = 0;
  const property = fc.asyncProperty(
    fc.array(statement, { maxLength: 6 }),
    fc.array(statement, { minLength: 1, maxLength: 8 }),
    async (before, inBranch) => {
      await using fixture = new SqliteFixture(schema);
      const app = await fixture.serve();
      const read = () => Promise.all(dump.map((query) => app.all(query)));
      const write = (sql: string, parameter: unknown) =>
        sql.includes('returning') ? app.all(sql, parameter) : app.run(sql, parameter);
      for (const [sql, parameter] of before) await write(sql, parameter);
      const old = await read();
      let seen: unknown;
      const transaction = await fixture.coordinator.begin(async () => {
        for (const [sql, parameter] of inBranch) {
          await write(sql, parameter);
        }
        seen = await read();
      });
      await transaction.prepare();
      await app.close();
      const again = await fixture.serve();
      const decided = transaction.decided(app);
      expect(await again.commit(transaction.id(app), decided)).toEqual({ result: 'committed' });
      const now = await Promise.all(dump.map((query) => again.all(query)));
      expect(now).toEqual(seen);
      if (JSON.stringify(now, plain) !== JSON.stringify(old, plain)) changed += 1;
    },
  );
  await fc.assert(property, { numRuns: runs });
  expect(changed).toBeGreaterThan(runs / 2);
}, 600_000);

function plain(_key: string, each: unknown): unknown {
  return typeof each === 'bigint' ? String(each) : each;
}

import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { type Reservation, reservation } from '@unanimous/participant-sdk/service';
import Database from 'better-sqlite3';
import { sourceArgv } from '../support/source-argv.ts';

/** A line that is to be written. */
interface Line {
  readonly key: string;
  readonly text: string;
}

const schema = `create table if not exists reservations (
  id text primary key, key text, text text, confirmed integer) strict`;

/** A service that reserves lines in a file, and shows those that were confirmed. */
export function conformanceSubject(file: string): ConformanceSubject<Reservation<Line, string>> {
  const database = new Database(file);
  database.pragma('journal_mode = wal');
  database.exec(schema);
  const put = database.prepare('insert into reservations (id, key, text) values (?, ?, ?)');
  const show = database.prepare(`update reservations set confirmed =
    (select coalesce(max(confirmed), 0) + 1 from reservations) where id = ? and confirmed is null`);
  const drop = database.prepare('delete from reservations where id = ? and confirmed is null');
  const open = database.prepare('select id from reservations where confirmed is null').pluck();
  const read = database
    .prepare('select text from reservations where key = ? and confirmed > 0 order by confirmed')
    .pluck();
  return {
    kind: 'logged',
    make: (rm) =>
      reservation<Line, string>({
        rm,
        identity: file,
        lapsesAfterMs: 3_600_000,
        try({ key, text }, { id }) {
          if (key === '') throw new Error('a line needs a key');
          put.run(id, key, text);
          return id;
        },
        confirm: (reserved) => void show.run(reserved),
        cancel: (reserved) => void drop.run(reserved),
        listOpen: () => (open.all() as string[]).map((id) => ({ id, reserved: id })),
      }),
    write: (resource, key, text) => resource.reserve({ key, text }),
    read: async (key) => read.all(key) as string[],
    fail: (resource) => resource.reserve({ key: '', text: 'no key' }),
    child: { module: import.meta.url, input: file, execArgv: sourceArgv },
    close: async () => database.close(),
  };
}

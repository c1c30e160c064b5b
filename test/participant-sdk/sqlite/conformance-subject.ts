import Database from 'better-sqlite3';
import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { type Sqlite, sqlite } from '@unanimous/participant-sdk/sqlite';
import { sourceArgv } from '../support/source-argv.ts';

/** What is to be in the file beforehand. */
export const textsTable = `create table if not exists texts (
  number integer primary key, key text not null, text text not null,
  written_at text not null default current_timestamp)`;

/** A table in a file, read by plain SQL. */
export function conformanceSubject(file: string): ConformanceSubject<Sqlite> {
  const insert = 'insert into texts (key, text) values (?, ?)';
  return {
    kind: 'native',
    oneAtATime: true,
    make: (rm) => sqlite({ rm, file, Database, waitMs: 10_000 }),
    write: (resource, key, text) => resource.run(insert, key, text),
    read: async (key) =>
      inFile((database) => {
        const query = 'select text from texts where key = ? order by number';
        return database.prepare(query).pluck().all(key) as string[];
      }),
    look: (resource) => resource.get('select count(*) from texts'),
    fail: (resource, key) => resource.run(insert, key, null),
    child: { module: import.meta.url, input: file, execArgv: sourceArgv },
  };

  function inFile<T>(work: (database: Database.Database) => T): T {
    const database = new Database(file, { timeout: 5_000 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  }
}

import Database from 'better-sqlite3';
import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { formatBranchId } from '@unanimous/proto';
import { sqliteQueue, type SqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import { sourceArgv } from '../support/source-argv.ts';

/** The queue in a file, read by plain SQL. */
export function conformanceSubject(file: string): ConformanceSubject<SqliteQueue> {
  return {
    kind: 'native',
    make: (rm) => sqliteQueue({ rm, file, Database }),
    write: (queue, key, text) => queue.publish(key, text),
    async read(key) {
      const sql = 'select body from unanimous_messages where topic = ? order by rowid';
      return inFile((database) => database.prepare(sql).pluck().all(key) as string[]).map(
        (body) => JSON.parse(body) as string,
      );
    },
    work: (topic, message) => Buffer.from(JSON.stringify({ topic, message })),
    byHand: {
      // There is no commit by hand.
      async rollBack(id) {
        inFile((database) => {
          for (const table of ['unanimous_prepared', 'unanimous_branches']) {
            database.prepare(`delete from ${table} where branch = ?`).run(formatBranchId(id));
          }
        });
      },
    },
    child: { module: import.meta.url, input: file, execArgv: sourceArgv },
  };

  function inFile<T>(work: (database: Database.Database) => T): T {
    const database = new Database(file);
    try {
      return work(database);
    } finally {
      database.close();
    }
  }
}

import Database from 'better-sqlite3';
import {
  type Sqlite,
  sqlite,
  type SqliteOptions,
} from '../../../participant-sdk/src/sqlite/index.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';

/** A file with a table, served; and another program that comes to the same file. */
export class SqliteFixture {
  readonly coordinator = new TestCoordinator();
  readonly file: string;
  readonly sidecar: string;
  readonly #dir = tempDir();
  readonly #served: Sqlite[] = [];

  constructor(schema = 'create table notes (id integer primary key, text not null)') {
    this.file = this.#dir.file('app.db');
    this.sidecar = `${this.file}-unanimous`;
    this.other((database) => database.pragma('journal_mode = WAL'));
    this.other((database) => database.exec(schema));
  }

  path(name: string): string {
    return this.#dir.file(name);
  }

  async serve(options: Partial<SqliteOptions> = {}): Promise<Sqlite> {
    const made = sqlite({ rm: 'app-db', file: this.file, Database, waitMs: 300, ...options });
    this.#served.push(made);
    return this.coordinator.serve(made);
  }

  /** What another program does, on a connection of its own. */
  other<T>(work: (database: Database.Database) => T, file = this.file): T {
    const database = new Database(file, { timeout: 0 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  }

  /** Texts that are committed. */
  texts(): unknown[] {
    return this.other((database) =>
      database.prepare('select text from notes order by id').pluck().all(),
    );
  }

  /** A branch that has voted yes. */
  async prepared(served: Sqlite, text = 'kept') {
    const transaction = await this.coordinator.begin(async () => {
      await served.run('insert into notes (text) values (?)', text);
    });
    await transaction.prepare();
    return transaction;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#served) await each.close();
    this.#dir.remove();
  }
}

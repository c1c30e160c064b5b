import Database from 'better-sqlite3';
import {
  openQueue,
  type OpenQueueOptions,
} from '../../../participant-sdk/src/sqlite-queue/index.ts';
import {
  sqliteQueue,
  type SqliteQueueOptions,
} from '../../../participant-sdk/src/sqlite-queue/index.ts';
import { type TempDir, tempDir } from '../../support/temp-dir.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';

/** A queue's file in a folder of its own, with a writer, a reader and a clock that stands still. */
export class QueueFixture {
  readonly dir: TempDir = tempDir();
  readonly file = this.dir.file('queue.db');
  readonly coordinator = new TestCoordinator();
  nowMs = 1_700_000_000_000;
  readonly #open: { close(): Promise<void> }[] = [];

  /** Serves the queue to transactions. */
  async writer(options: Partial<SqliteQueueOptions> = {}) {
    const { file, now } = this;
    const queue = sqliteQueue({ rm: 'events', file, Database, now, ...options });
    await this.coordinator.serve(queue);
    this.#open.push(queue);
    return queue;
  }

  /** Opens the queue for reading. */
  async reader(options: Partial<OpenQueueOptions> = {}) {
    const { file, now } = this;
    const queue = await openQueue({ file, Database, now, ...options });
    this.#open.push(queue);
    return queue;
  }

  /** One value from the file, by plain SQL. */
  sql(text: string): unknown {
    const database = new Database(this.file);
    try {
      return database.prepare(text).pluck().get();
    } finally {
      database.close();
    }
  }

  /** Changes the file by plain SQL, as an operator may. */
  exec(text: string): void {
    const database = new Database(this.file);
    try {
      database.exec(text);
    } finally {
      database.close();
    }
  }

  readonly now = () => this.nowMs;

  async [Symbol.asyncDispose](): Promise<void> {
    for (const queue of this.#open) await queue.close();
    this.dir.remove();
  }
}

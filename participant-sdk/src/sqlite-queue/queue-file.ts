import { statSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { UnanimousError } from '@unanimous/proto';
import { isBroken, isBusy, queueError, sqliteCode } from './queue-error.ts';
import { createSchema, hasSchema, type QueueFileIdentity, readIdentity } from './queue-schema.ts';
import { Sql, type SqliteConstructor, type SqliteDatabase } from './sqlite-database.ts';

/** Where a queue lives and how it is opened. */
export interface QueueFileOptions {
  /** Path of the SQLite file; made when missing. Its folder must exist. */
  readonly file: string;
  /** The constructor of better-sqlite3. */
  readonly Database: SqliteConstructor;
  /** How long to wait for another process's write, without blocking this one; 5,000 unless told. */
  readonly busyTimeoutMs?: number;
}

interface OpenFile {
  readonly database: SqliteDatabase;
  readonly sql: Sql;
  readonly inode: number;
  readonly identity: QueueFileIdentity;
}

interface Write {
  readonly work: (sql: Sql) => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

const maxBatch = 256;

/**
 * One process's connection to a queue's file. All writes that wait in one turn of the event loop
 * share one SQLite transaction, so one fsync. Other processes write the same file: SQLite's lock
 * orders them.
 */
export class QueueFile {
  readonly file: string;
  readonly identity: QueueFileIdentity;
  readonly #options: QueueFileOptions;
  readonly #waiting: Write[] = [];
  #open: OpenFile | undefined;
  #flushing: Promise<void> | undefined;
  #isClosed = false;

  private constructor(options: QueueFileOptions, open: OpenFile) {
    this.file = options.file;
    this.identity = open.identity;
    this.#options = options;
    this.#open = open;
  }

  /**
   * Opens the file, and makes its tables when they are missing.
   * @throws UnanimousError `rm-unavailable` with the remedy.
   */
  static async open(options: QueueFileOptions): Promise<QueueFile> {
    const timeoutMs = options.busyTimeoutMs ?? 5_000;
    try {
      return new QueueFile(options, await whileBusy(timeoutMs, () => openFile(options)));
    } catch (error) {
      throw queueError(error, options.file);
    }
  }

  /** Reads what is committed. */
  read<T>(work: (sql: Sql) => T): T {
    try {
      return work(this.#connection().sql);
    } catch (error) {
      this.#dropIfBroken(error);
      throw queueError(error, this.file);
    }
  }

  /**
   * Writes, durably when it resolves. The work may run again, alone, when another write of the same
   * batch fails: it must touch nothing but the file.
   * @throws UnanimousError; nothing of this work is visible then.
   */
  write<T>(work: (sql: Sql) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as Write['resolve'], reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Ends after the writes that wait. Idempotent. */
  async close(): Promise<void> {
    await this.#flushing;
    this.#isClosed = true;
    this.#drop();
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      await nextTurn();
      await this.#settle(this.#waiting.splice(0, maxBatch));
    }
    this.#flushing = undefined; // in the turn that saw nothing waiting, so no write is stranded
  }

  async #settle(batch: readonly Write[]): Promise<void> {
    try {
      const timeoutMs = this.#options.busyTimeoutMs ?? 5_000;
      const results = await whileBusy(timeoutMs, () => this.#transact(batch));
      batch.forEach(({ resolve }, index) => resolve(results[index]));
    } catch (error) {
      if (batch.length === 1 || isBroken(error) || isBusy(error)) {
        for (const { reject } of batch) reject(queueError(error, this.file));
      } else {
        for (const write of batch) await this.#settle([write]); // one bad write fails alone
      }
    }
  }

  #transact(batch: readonly Write[]): unknown[] {
    const { database, sql } = this.#connection();
    try {
      database.exec('BEGIN IMMEDIATE');
      const results = batch.map(({ work }) => work(sql));
      // If we crash before this line, nothing of the batch was done; after it, all is on disk.
      database.exec('COMMIT');
      return results;
    } catch (error) {
      rollBack(database);
      this.#dropIfBroken(error);
      throw error;
    }
  }

  #connection(): OpenFile {
    if (this.#isClosed) throw new UnanimousError('closed', `${this.file} was closed`);
    // A file that was moved or deleted would take our writes and show them to nobody.
    if (this.#open && inodeOf(this.file) !== this.#open.inode) this.#drop();
    this.#open ??= this.#reopen();
    return this.#open;
  }

  #reopen(): OpenFile {
    const open = openFile(this.#options, true);
    if (open.identity.id === this.identity.id) return open;
    open.database.close();
    const message = `${this.file} was replaced by another queue, ${open.identity.id}`;
    throw new UnanimousError('rm-identity-mismatch', message, {
      hint: 'Restart the processes that use the file.',
    });
  }

  #dropIfBroken(error: unknown): void {
    if (isBroken(error)) this.#drop();
  }

  #drop(): void {
    try {
      this.#open?.database.close();
    } catch {
      // A broken connection that can't even be closed is not used again.
    }
    this.#open = undefined;
  }
}

function openFile(options: QueueFileOptions, fileMustExist = false): OpenFile {
  const { file } = options;
  const database = connect(options, fileMustExist);
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('busy_timeout = 10'); // longer waits must not block the event loop
    const sql = new Sql(database);
    if (!hasSchema(sql)) {
      database.exec('BEGIN IMMEDIATE');
      createSchema(sql);
      database.exec('COMMIT');
    }
    return { database, sql, inode: inodeOf(file), identity: readIdentity(sql, file) };
  } catch (error) {
    rollBack(database);
    database.close();
    throw error;
  }
}

function connect({ file, Database }: QueueFileOptions, fileMustExist: boolean): SqliteDatabase {
  try {
    return new Database(file, { timeout: 1_000, fileMustExist });
  } catch (cause) {
    if (sqliteCode(cause) !== '' || !(cause instanceof Error)) throw cause;
    const hint = 'Make the folder of the file, and give the process the right to write in it.';
    throw new UnanimousError('rm-unavailable', `${file}: ${cause.message}`, { cause, hint });
  }
}

function inodeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.ino ?? 0;
}

function rollBack(database: SqliteDatabase): void {
  try {
    if (database.inTransaction) database.exec('ROLLBACK');
  } catch {
    // The error that led here is the one to report.
  }
}

/** Tries again while another process holds the lock, without blocking the event loop. */
async function whileBusy<T>(timeoutMs: number, work: () => T): Promise<T> {
  const startedMs = performance.now();
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() - startedMs > timeoutMs) throw error;
    }
    await delay(pauseMs);
  }
}

import { createHash } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import { UnanimousError } from '@unanimous/proto';
import { type Fixed, fixFunctions, type TimeFunctions } from './fixed-functions.ts';
import { closeQuietly, type SqliteConstructor, type SqliteDatabase } from './sqlite-database.ts';

/** How a statement is asked: as the methods of better-sqlite3. */
export type StatementMethod = 'run' | 'get' | 'all';

/** A statement as it can be repeated. */
export interface RedoStatement {
  readonly method: StatementMethod;
  readonly sql: string;
  /** By `serialize` of node:v8: numbers, texts and bytes exactly as they were. */
  readonly parameters: Uint8Array;
}

/** What a branch's connection is made of. */
export interface FileWorkOptions {
  readonly file: string;
  readonly Database: SqliteConstructor;
  readonly times: TimeFunctions;
  readonly fixed: Fixed;
}

const firstWord = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))*([a-z]+)/i;
const controls = /^(begin|commit|end|rollback|savepoint|release)$/i;
const others = /^(attach|detach|pragma|vacuum)$/i;

/**
 * Refuses what would end the transaction, or leave it.
 * @throws UnanimousError `transaction-control`, `invalid-argument`.
 */
export function checkStatement(sql: string): void {
  const [, word = ''] = firstWord.exec(sql) ?? [];
  if (controls.test(word)) {
    const text = `${word.toUpperCase()}: the transaction is begun and ended for you`;
    throw new UnanimousError('transaction-control', text);
  }
  if (others.test(word)) {
    const hint = 'Do it with a connection of your own while nothing is served.';
    const text = `sql: ${word.toUpperCase()} cannot be part of a transaction`;
    throw new UnanimousError('invalid-argument', text, { hint });
  }
}

/**
 * One open write transaction on the user's file, with all that is needed to repeat it. It has a
 * connection of its own, made for it, so that last_insert_rowid() and the like say the same again.
 */
export class FileWork {
  readonly fixed: Fixed;
  readonly statements: RedoStatement[] = [];
  readonly #database: SqliteDatabase;
  readonly #hash = createHash('sha256');

  private constructor(database: SqliteDatabase, { times, fixed }: FileWorkOptions) {
    this.#database = database;
    this.fixed = fixed;
    fixFunctions(database, times, fixed, () => this.statements.length);
  }

  /** Takes SQLite's write lock. @throws what SQLite says, SQLITE_BUSY too. */
  static begin(options: FileWorkOptions): FileWork {
    const database = new options.Database(options.file, { timeout: 0, fileMustExist: true });
    try {
      database.pragma('synchronous = FULL');
      // Nothing of an open transaction reaches the disk: what is there tells whether anybody wrote.
      database.pragma('cache_spill = OFF');
      database.exec('BEGIN IMMEDIATE');
      return new FileWork(database, options);
    } catch (error) {
      closeQuietly(database);
      throw error;
    }
  }

  /** Runs a statement, and keeps it if it can write. @throws what SQLite says. */
  run(method: StatementMethod, sql: string, parameters: readonly unknown[]): unknown {
    checkStatement(sql);
    this.mustBeWhole();
    const statement = this.#database.prepare(sql);
    if (statement.readonly) return statement[method](...parameters);
    return this.#write({ method, sql, parameters: serialize([...parameters]) }, parameters);
  }

  /** Does again what another process did. @throws what SQLite says. */
  repeat(kept: RedoStatement): void {
    this.#write(kept, deserialize(kept.parameters) as unknown[]);
  }

  /** @throws UnanimousError `branch-doomed` when SQLite has rolled everything back. */
  mustBeWhole(): void {
    if (this.#database.inTransaction) return; // else the next statement would count by itself
    const hint = 'Leave out OR ROLLBACK and RAISE(ROLLBACK): they end the whole transaction.';
    throw new UnanimousError('branch-doomed', 'a statement rolled everything back', { hint });
  }

  /** Of all statements that wrote and of what they returned. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  #write(kept: RedoStatement, parameters: readonly unknown[]): unknown {
    const { method, sql } = kept;
    const statement = this.#database.prepare(sql);
    const result = statement[method](...parameters);
    this.statements.push(kept);
    this.#hash.update(kept.parameters).update(`${JSON.stringify([sql, result], plain)}\n`);
    return result;
  }

  /**
   * Checks now what SQLite checks at COMMIT only, where it would be too late.
   * @throws UnanimousError `constraint-violated`.
   */
  checkDeferred(): void {
    const query = `select 1 from sqlite_schema where sql like '%deferred%' limit 1`;
    if (!this.#database.prepare(query).get()) return;
    const [broken] = this.#database.pragma('foreign_key_check') as readonly BrokenKey[];
    if (!broken) return;
    const text = `a row of ${broken.table} refers to none of ${broken.parent}`;
    const hint = 'Write the row that is missing. PRAGMA foreign_key_check lists all such rows.';
    throw new UnanimousError('constraint-violated', text, { hint });
  }

  /** Writes beside the branch's own statements, without keeping it. */
  write(sql: string, ...parameters: unknown[]): void {
    this.#database.prepare(sql).run(...parameters);
  }

  /** @throws what SQLite says; what has happened is not known then, and `end` must follow. */
  commit(): void {
    // If we crash before this line has forced the file, nothing was done; after it, all is on disk.
    this.#database.exec('COMMIT');
  }

  /** Lets go; what was not committed is rolled back. Idempotent. */
  end(): void {
    closeQuietly(this.#database);
  }
}

interface BrokenKey {
  readonly table: string;
  readonly parent: string;
}

/** For JSON, which has no big integers and no infinity. */
function plain(_key: string, value: unknown): unknown {
  const isSpecial = typeof value === 'bigint' || (typeof value === 'number' && !isFinite(value));
  return isSpecial ? `${typeof value} ${String(value)}` : value;
}

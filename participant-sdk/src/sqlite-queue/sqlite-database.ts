/** What the queue uses of a better-sqlite3 statement. */
export interface SqliteStatement {
  run(...parameters: unknown[]): { readonly changes: number };
  get(...parameters: unknown[]): unknown;
  all(...parameters: unknown[]): unknown[];
}

/** What the queue uses of a better-sqlite3 database. */
export interface SqliteDatabase {
  readonly inTransaction: boolean;
  prepare(text: string): SqliteStatement;
  exec(text: string): unknown;
  pragma(text: string): unknown;
  close(): unknown;
}

/** The constructor that better-sqlite3 exports. Handed in, so that the SDK imports no driver. */
export type SqliteConstructor = new (
  file: string,
  options?: { readonly timeout?: number; readonly fileMustExist?: boolean },
) => SqliteDatabase;

/** Runs statements, each compiled once. */
export class Sql {
  readonly #database: SqliteDatabase;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** Runs a statement; the number of rows that it changed. */
  run(text: string, ...parameters: unknown[]): number {
    return this.#statement(text).run(...parameters).changes;
  }

  /** The first row, or undefined. */
  get(text: string, ...parameters: unknown[]): unknown {
    return this.#statement(text).get(...parameters);
  }

  /** All rows. */
  all<Row>(text: string, ...parameters: unknown[]): Row[] {
    return this.#statement(text).all(...parameters) as Row[];
  }

  #statement(text: string): SqliteStatement {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

/** What the resource uses of a better-sqlite3 statement. */
export interface SqliteStatement {
  readonly reader: boolean;
  readonly readonly: boolean;
  run(...parameters: unknown[]): {
    readonly changes: number;
    readonly lastInsertRowid: number | bigint;
  };
  get(...parameters: unknown[]): unknown;
  all(...parameters: unknown[]): unknown[];
  safeIntegers(isOn: boolean): unknown;
}

/** What the resource uses of a better-sqlite3 database. */
export interface SqliteDatabase {
  readonly inTransaction: boolean;
  prepare(text: string): SqliteStatement;
  exec(text: string): unknown;
  pragma(text: string): unknown;
  function(
    name: string,
    options: {
      readonly varargs: boolean;
      readonly deterministic: boolean;
      readonly safeIntegers: boolean;
    },
    call: (...parameters: unknown[]) => unknown,
  ): unknown;
  close(): unknown;
}

/** The constructor that better-sqlite3 exports. Handed in, so that the SDK imports no driver. */
export type SqliteConstructor = new (
  file: string,
  options?: {
    readonly timeout?: number;
    readonly fileMustExist?: boolean;
    readonly readonly?: boolean;
  },
) => SqliteDatabase;

/** Ends what is open and lets go of the file; never throws. */
export function closeQuietly(database: SqliteDatabase | undefined): void {
  try {
    if (database?.inTransaction) database.exec('ROLLBACK');
  } catch {
    // Closing rolls back, too.
  }
  try {
    database?.close();
  } catch {
    // A broken connection that can't even be closed is not used again.
  }
}

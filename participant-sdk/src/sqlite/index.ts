// The public list of @unanimous/participant-sdk/sqlite, kept by hand.

export { type Sqlite, sqlite, type SqliteOptions, type SqliteRunResult } from './sqlite.ts';
export type { FileOptions } from './file-connections.ts';
export type { SqliteConstructor, SqliteDatabase, SqliteStatement } from './sqlite-database.ts';

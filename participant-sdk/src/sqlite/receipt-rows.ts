import type { FileWork } from './file-work.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

/** What the user's file says of itself. */
export interface FileIdentity {
  /** Random, made with our tables; a copy has the same. */
  readonly id: string;
  /** Changed whenever the file was replaced, moved or has gone back in time. */
  readonly incarnation: string;
  /** How many branches have committed. */
  readonly generation: number;
}

const tables = `
  create table if not exists unanimous_file (
    one integer primary key check (one = 1), id text not null, incarnation text not null,
    generation integer not null
  ) strict;
  create table if not exists unanimous_receipts (
    branch text primary key, log_id text not null, seq integer not null,
    committed_at_ms integer not null
  ) strict, without rowid;`;

const hasTables = `select count(*) as found from sqlite_schema
  where name in ('unanimous_file', 'unanimous_receipts')`;

/** Who the file is; undefined in one that was never served. */
export function fileIdentity(database: SqliteDatabase): FileIdentity | undefined {
  const { found } = database.prepare(hasTables).get() as { readonly found: number };
  if (found < 2) return undefined;
  const query = 'select id, incarnation, generation from unanimous_file';
  return database.prepare(query).get() as FileIdentity | undefined;
}

/** Makes our tables, and says who the file is from now on. */
export function writeIdentity(database: SqliteDatabase, identity: FileIdentity): void {
  database.exec(`begin immediate; ${tables}`);
  const { id, incarnation, generation } = identity;
  const sql = 'insert or replace into unanimous_file values (1, ?, ?, ?)';
  database.prepare(sql).run(id, incarnation, generation);
  database.exec('commit');
}

/** Whether a branch has committed. */
export function hasReceipt(database: SqliteDatabase, branch: string): boolean {
  const query = 'select 1 from unanimous_receipts where branch = ?';
  return database.prepare(query).get(branch) !== undefined;
}

/** What goes with the commit of a branch. */
export interface NewReceipt {
  readonly branch: string;
  readonly logId: string;
  readonly seq: number;
  readonly lowWaterSeq: number;
  readonly nowMs: number;
  /** Receipts older than this may go. */
  readonly beforeMs: number;
}

/**
 * Writes the receipt within the branch's own transaction: it is there if and only if the work is.
 * Deletes those that nobody can ask for: acknowledged, for they are below the low-water mark of
 * their log, and of an age at which no message is on its way any more. Age alone deletes none.
 */
export function writeReceipt(work: FileWork, receipt: NewReceipt): void {
  const { branch, logId, seq, lowWaterSeq, nowMs, beforeMs } = receipt;
  work.write('insert into unanimous_receipts values (?, ?, ?, ?)', branch, logId, seq, nowMs);
  work.write('update unanimous_file set generation = generation + 1');
  work.write(
    `delete from unanimous_receipts where branch in (select branch from unanimous_receipts
       where log_id = ? and seq < ? and committed_at_ms < ? limit 2000)`,
    logId,
    lowWaterSeq,
    beforeMs,
  );
}

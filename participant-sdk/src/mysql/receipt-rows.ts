import {
  type BranchId,
  type Birth,
  compareBirths,
  formatBranchId,
  parseGid,
} from '@unanimous/proto';
import { isError } from './error-number.ts';
import type { OwnTable } from './own-tables.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import type { WorkConnection, WorkResult } from './work-connection.ts';

const table = 'unanimous_receipts';
const ascii = 'CHARACTER SET ascii COLLATE ascii_bin';

/**
 * A row for each branch, written inside it: there when it was committed, not there when it was rolled
 * back (PROTOCOL rule 11). What says how far rows were deleted is a row as well, named after a log.
 */
export const receiptTable: OwnTable = {
  name: table,
  ddl: `CREATE TABLE ${table} (
    branch varchar(200) ${ascii} NOT NULL PRIMARY KEY,
    log_id char(12) ${ascii} NOT NULL,
    epoch bigint unsigned NOT NULL,
    counter bigint unsigned NOT NULL,
    at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
  ) ENGINE=InnoDB`,
  rights: 'SELECT, INSERT, UPDATE, DELETE',
  check: `INSERT INTO ${table} SELECT * FROM ${table} WHERE false
    ON DUPLICATE KEY UPDATE counter = VALUES(counter)`,
};

/** Writes the receipt of a branch into its own transaction. */
export async function writeReceipt(
  connection: WorkConnection,
  database: string,
  id: BranchId,
): Promise<void> {
  const { logId, birth } = parseGid(id.gid);
  // The user may have changed to another database meanwhile.
  const name = `\`${database.replaceAll('`', '``')}\`.${table}`;
  const sql = `INSERT INTO ${name} (branch, log_id, epoch, counter) VALUES (?, ?, ?, ?)`;
  await connection.query(sql, [formatBranchId(id), logId, birth.epoch, birth.counter]);
}

/**
 * What the row says. `locked`: an open or prepared transaction holds it, whether or not XA RECOVER
 * lists that one and whoever has answered OK to its commit.
 */
export type ReceiptState = 'present' | 'absent' | 'locked';

/** Where to ask: a connection or a pool. */
export interface Asked {
  (sql: string, values: readonly unknown[]): Promise<WorkResult>;
}

/** Reads the receipt of a branch as it is now, and waits for nobody. */
export async function readReceipt(ask: Asked, id: BranchId): Promise<ReceiptState> {
  try {
    const sql = `SELECT 1 AS one FROM ${table} WHERE branch = ? FOR UPDATE NOWAIT`;
    const { rows } = await ask(sql, [formatBranchId(id)]);
    return rows.length > 0 ? 'present' : 'absent';
  } catch (error) {
    if (isError(error, 'lockTimeout', 'lockNotFree')) return 'locked';
    throw error;
  }
}

/** True when rows of branches born as late as this one were deleted: absence says nothing then. */
export async function isPruned(pool: PhaseTwoPool, id: BranchId): Promise<boolean> {
  const { logId, birth } = parseGid(id.gid);
  const sql = `SELECT epoch, counter FROM ${table} WHERE branch = ?`;
  const row = (await pool.run(sql, [markOf(logId)])).rows[0];
  if (!row) return false;
  const mark: Birth = { epoch: Number(row['epoch']), counter: Number(row['counter']) };
  return compareBirths(birth, mark) <= 0;
}

/** Receipts that are old enough, of branches of one log. */
export async function oldReceipts(
  pool: PhaseTwoPool,
  logId: string,
  { ageMs, limit }: { readonly ageMs: number; readonly limit: number },
): Promise<string[]> {
  const sql = `SELECT branch FROM ${table}
    WHERE log_id = ? AND branch <> ? AND at < NOW(6) - INTERVAL ? MICROSECOND LIMIT ${limit}`;
  const { rows } = await pool.run(sql, [logId, markOf(logId), ageMs * 1_000]);
  return rows.map((row) => String(row['branch']));
}

/** Deletes receipts; first it raises the mark that says so. */
export async function deleteReceipts(
  pool: PhaseTwoPool,
  logId: string,
  branches: readonly string[],
): Promise<void> {
  const newest = branches
    .map((branch) => parseGid(branch.split('.')[1] ?? '').birth)
    .reduce((a, b) => (compareBirths(a, b) < 0 ? b : a));
  const isLater = '(epoch, counter) < (VALUES(epoch), VALUES(counter))';
  // Assigned from left to right: the counter is compared while the epoch is still the old one.
  const raise = `INSERT INTO ${table} (branch, log_id, epoch, counter) VALUES (?, ?, ?, ?)
    ON DUPLICATE KEY UPDATE counter = IF(${isLater}, VALUES(counter), counter),
      epoch = GREATEST(epoch, VALUES(epoch))`;
  await pool.run(raise, [markOf(logId), logId, newest.epoch, newest.counter]);
  const marks = branches.map(() => '?').join(', ');
  await pool.run(`DELETE FROM ${table} WHERE branch IN (${marks})`, branches);
}

const markOf = (logId: string) => `pruned.${logId}`;

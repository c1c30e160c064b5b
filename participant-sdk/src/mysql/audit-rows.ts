import type { AuditEntry } from '../resource.ts';
import type { OwnTable } from './own-tables.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';

const table = 'unanimous_audit';
const ascii = 'CHARACTER SET ascii COLLATE ascii_bin';

/** As many branches are compared with the coordinator's log; older entries are for people. */
const comparedAtMost = 1_000;

/**
 * How branches ended otherwise than by their decision (PROTOCOL rule 13). We write here, and so does
 * whoever ends a branch by hand, before the act; nothing is ever changed or deleted by us.
 */
export const auditTable: OwnTable = {
  name: table,
  ddl: `CREATE TABLE ${table} (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    gid varchar(64) ${ascii} NOT NULL,
    branch int unsigned NOT NULL,
    rm varchar(64) ${ascii} NOT NULL,
    result enum('committed', 'rolled-back') NOT NULL,
    reason text CHARACTER SET utf8mb4 NOT NULL,
    at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    INDEX (rm, gid, branch)
  ) ENGINE=InnoDB`,
  rights: 'SELECT, INSERT',
  check: `INSERT INTO ${table} SELECT * FROM ${table} WHERE false`,
};

/** Writes an entry down, once. */
export async function writeAudit(pool: PhaseTwoPool, rm: string, entry: AuditEntry): Promise<void> {
  const { gid, branch, result, reason } = entry;
  const values = [gid, branch, rm, result, reason];
  const sql = `INSERT INTO ${table} (gid, branch, rm, result, reason)
    SELECT ?, ?, ?, ?, ? FROM DUAL WHERE NOT EXISTS (
      SELECT 1 FROM ${table}
      WHERE gid = ? AND branch = ? AND rm = ? AND result = ? AND reason = ?)`;
  await pool.run(sql, [...values, ...values]);
}

/** The newest entry of each branch of a resource manager. */
export async function readAudit(pool: PhaseTwoPool, rm: string): Promise<AuditEntry[]> {
  const sql = `SELECT gid, branch, result, reason FROM ${table} WHERE id IN (
      SELECT MAX(id) FROM ${table} WHERE rm = ? GROUP BY gid, branch)
    ORDER BY id DESC LIMIT ${comparedAtMost}`;
  const { rows } = await pool.run(sql, [rm]);
  return rows.map((row) => ({ ...row, branch: Number(row['branch']) }) as unknown as AuditEntry);
}

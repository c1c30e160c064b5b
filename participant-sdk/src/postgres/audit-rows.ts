import type { AuditEntry } from '../resource.ts';
import type { OwnTable } from './own-tables.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';

const table = 'unanimous_audit';

/** As many branches are compared with the coordinator's log; older entries are for people. */
const comparedAtMost = 1_000;

/**
 * How branches ended otherwise than by their decision (PROTOCOL rule 13). We write here, and so does
 * whoever ends a branch by hand, before the act; nothing is ever changed or deleted by us.
 */
export const auditTable: OwnTable = {
  name: table,
  ddl: `CREATE TABLE ${table} (
    gid text NOT NULL,
    branch integer NOT NULL,
    rm text NOT NULL,
    result text NOT NULL CHECK (result IN ('committed', 'rolled-back')),
    reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
  )`,
  rights: 'SELECT, INSERT',
  check: `INSERT INTO ${table} SELECT * FROM ${table} WHERE false`,
};

/** Writes an entry down, once. */
export async function writeAudit(pool: PhaseTwoPool, rm: string, entry: AuditEntry): Promise<void> {
  const { gid, branch, result, reason } = entry;
  const sql = `INSERT INTO ${table} (gid, branch, rm, result, reason)
    SELECT $1, $2::integer, $3, $4, $5 WHERE NOT EXISTS (
      SELECT FROM ${table} WHERE (gid, branch, rm, result, reason) = ($1, $2::integer, $3, $4, $5))`;
  await pool.run(sql, [gid, branch, rm, result, reason]);
}

/** The newest entry of each branch of a resource manager. */
export async function readAudit(pool: PhaseTwoPool, rm: string): Promise<AuditEntry[]> {
  const sql = `SELECT gid, branch::text AS "branch", result, reason FROM (
      SELECT DISTINCT ON (gid, branch) * FROM ${table} WHERE rm = $1
      ORDER BY gid, branch, at DESC) newest
    ORDER BY at DESC LIMIT ${comparedAtMost}`;
  const { rows } = await pool.run(sql, [rm]);
  return rows.map((row) => ({ ...row, branch: Number(row['branch']) }) as unknown as AuditEntry);
}

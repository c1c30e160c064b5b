import type { LogId } from '@unanimous/proto';
import type { SeenPosition } from '../resource.ts';
import type { OwnTable } from './own-tables.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';

const table = 'unanimous_log_positions';
const ascii = 'CHARACTER SET ascii COLLATE ascii_bin';

/** What this database has seen of each log (PROTOCOL rule 17). */
export const positionTable: OwnTable = {
  name: table,
  ddl: `CREATE TABLE ${table} (
    log_id char(12) ${ascii} NOT NULL PRIMARY KEY,
    epoch bigint unsigned NOT NULL,
    nonce varchar(64) ${ascii} NOT NULL,
    seq bigint unsigned NOT NULL,
    chain varchar(128) ${ascii} NOT NULL
  ) ENGINE=InnoDB`,
  rights: 'SELECT, INSERT, UPDATE',
  // Raises nothing and writes nothing, but asks for all rights.
  check: `INSERT INTO ${table} SELECT * FROM ${table} WHERE false
    ON DUPLICATE KEY UPDATE seq = VALUES(seq)`,
};

/** The highest position of a log that this database has seen. */
export async function readPosition(
  pool: PhaseTwoPool,
  logId: LogId,
): Promise<SeenPosition | undefined> {
  const sql = `SELECT epoch, nonce, seq, chain FROM ${table} WHERE log_id = ?`;
  const row = (await pool.run(sql, [logId])).rows[0];
  if (!row) return undefined;
  return {
    logId,
    epoch: Number(row['epoch']),
    nonce: String(row['nonce']),
    seq: Number(row['seq']),
    chain: String(row['chain']),
  };
}

/** Remembers a position, unless a higher one is remembered. */
export async function raisePosition(pool: PhaseTwoPool, position: SeenPosition): Promise<void> {
  const { logId, epoch, nonce, seq, chain } = position;
  const isHigher = '(epoch, seq) < (VALUES(epoch), VALUES(seq))';
  const raised = (column: string) => `${column} = IF(${isHigher}, VALUES(${column}), ${column})`;
  // Assigned from left to right: what is compared comes last, and of it the epoch, which needs no
  // comparison with a seq that is new already.
  const sql = `INSERT INTO ${table} (log_id, epoch, nonce, seq, chain) VALUES (?, ?, ?, ?, ?)
    ON DUPLICATE KEY UPDATE ${raised('nonce')}, ${raised('chain')}, ${raised('seq')},
      epoch = GREATEST(epoch, VALUES(epoch))`;
  await pool.run(sql, [logId, epoch, nonce, seq, chain]);
}

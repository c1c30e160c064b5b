import type { LogId } from '@unanimous/proto';
import type { SeenPosition } from '../resource.ts';
import type { OwnTable } from './own-tables.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';

const table = 'unanimous_log_positions';

/** What this database has seen of each log (PROTOCOL rule 17). */
export const positionTable: OwnTable = {
  name: table,
  ddl: `CREATE TABLE ${table} (
    log_id text PRIMARY KEY,
    epoch bigint NOT NULL,
    nonce text NOT NULL,
    seq bigint NOT NULL,
    chain text NOT NULL
  )`,
  rights: 'SELECT, INSERT, UPDATE',
  // Raises nothing and writes nothing, but asks for all rights.
  check: `INSERT INTO ${table} SELECT * FROM ${table} WHERE false
    ON CONFLICT (log_id) DO UPDATE SET seq = excluded.seq`,
};

/** The highest position of a log that this database has seen. */
export async function readPosition(
  pool: PhaseTwoPool,
  logId: LogId,
): Promise<SeenPosition | undefined> {
  const sql = `SELECT epoch::text AS "epoch", nonce, seq::text AS "seq", chain
    FROM ${table} WHERE log_id = $1`;
  const row = (await pool.run(sql, [logId])).rows[0];
  if (!row) return undefined;
  const { epoch, nonce, seq, chain } = row as Record<string, string>;
  return {
    logId,
    epoch: Number(epoch),
    nonce: String(nonce),
    seq: Number(seq),
    chain: String(chain),
  };
}

/** Remembers a position, unless a higher one is remembered. */
export async function raisePosition(pool: PhaseTwoPool, position: SeenPosition): Promise<void> {
  const { logId, epoch, nonce, seq, chain } = position;
  const sql = `INSERT INTO ${table} AS known (log_id, epoch, nonce, seq, chain)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (log_id) DO UPDATE
      SET epoch = excluded.epoch, nonce = excluded.nonce, seq = excluded.seq, chain = excluded.chain
      WHERE (known.epoch, known.seq) < (excluded.epoch, excluded.seq)`;
  await pool.run(sql, [logId, epoch, nonce, seq, chain]);
}

import { type LogId, UnanimousError } from '@unanimous/proto';
import type { SeenPosition } from '../resource.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import { sqlState, unavailableError } from './sqlstate.ts';

const table = 'unanimous_log_positions';

const ddl = `CREATE TABLE ${table} (
  log_id text PRIMARY KEY,
  epoch bigint NOT NULL,
  nonce text NOT NULL,
  seq bigint NOT NULL,
  chain text NOT NULL
)`;

/** SQLSTATEs of a table, or its row type, that somebody else has made meanwhile. */
const existsAlready = new Set(['42P07', '23505', '42710']);

/**
 * Makes the table of log positions where there is none, and checks our rights on it.
 * @throws UnanimousError with the statements to run when rights are lacking.
 */
export async function openPositions(pool: PhaseTwoPool, rm: string, role: string): Promise<void> {
  const { rows } = await pool.run(`SELECT pg_catalog.to_regclass('${table}')::text AS "table"`);
  try {
    if (rows[0]?.['table'] === null) await createTable(pool);
    await pool.run(`SELECT FROM ${table} LIMIT 0`);
    // Raises nothing and writes nothing, but asks for both rights.
    await pool.run(`INSERT INTO ${table} SELECT * FROM ${table} WHERE false
      ON CONFLICT (log_id) DO UPDATE SET seq = excluded.seq`);
  } catch (error) {
    const state = sqlState(error);
    if (state !== '42501' && state !== '3F000') throw unavailableError(error, rm);
    const message = `${rm}: role ${role} can neither use nor make the table ${table}`;
    const grant = `GRANT SELECT, INSERT, UPDATE ON ${table} TO "${role.replaceAll('"', '""')}"`;
    const hint = `Run in this database: ${ddl.replaceAll(/\s+/g, ' ')}; ${grant};`;
    const details = { rm, hint, retryable: false, cause: error };
    throw new UnanimousError('rm-unavailable', message, details);
  }
}

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

async function createTable(pool: PhaseTwoPool): Promise<void> {
  try {
    await pool.run(ddl);
  } catch (error) {
    if (!existsAlready.has(sqlState(error) ?? '')) throw error;
  }
}

import { UnanimousError } from '@unanimous/proto';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import {
  ofThisDatabase,
  type ServerState,
  type ServerStateRow,
  serverStateColumns,
} from './server-state.ts';
import { primaryState } from './settle.ts';
import { unavailableError } from './sqlstate.ts';

/** What `open` found: the server, and the role that phase two has there. */
export interface OpenedServer {
  readonly server: ServerState;
  readonly role: string;
}

interface SettingsRow extends ServerStateRow {
  readonly preparedMax: string;
  readonly role: string;
}

const oldestVersion = 130_000;

/**
 * Connects and checks what atomicity hangs on: a version that can tell a transaction's id and its
 * end, a primary, and room for prepared transactions.
 * @throws UnanimousError that names the remedy, and no password.
 */
export async function checkServer(pool: PhaseTwoPool, rm: string): Promise<OpenedServer> {
  try {
    await checkVersion(pool, rm);
    await checkWarnings(pool, rm);
    const { rows } = await pool.run(`SELECT current_user::text AS "role",
      pg_catalog.current_setting('max_prepared_transactions') AS "preparedMax",
      ${serverStateColumns} ${ofThisDatabase}`);
    const row = rows[0] as unknown as SettingsRow;
    const server = primaryState(row, rm);
    if (row.preparedMax === '0') {
      const message = `${rm}: the server has max_prepared_transactions = 0`;
      throw new UnanimousError('prepared-disabled', message, { rm });
    }
    return { server, role: row.role };
  } catch (error) {
    throw unavailableError(error, rm);
  }
}

/** A WARNING at PREPARE or COMMIT PREPARED is no success, so it must reach us. */
async function checkWarnings(pool: PhaseTwoPool, rm: string): Promise<void> {
  // Outside a transaction block it does nothing but warn.
  const { warnings } = await pool.run('SET LOCAL lock_timeout = 0');
  if (warnings.length > 0) return;
  const hint = 'Give `pg` itself: pg.native does not show the warnings of Postgres.';
  const details = { rm, hint, retryable: false };
  throw new UnanimousError('invalid-argument', `${rm}: warnings do not reach us`, details);
}

async function checkVersion(pool: PhaseTwoPool, rm: string): Promise<void> {
  const sql = `SELECT pg_catalog.current_setting('server_version_num') AS "number",
    pg_catalog.current_setting('server_version') AS "version"`;
  const row = (await pool.run(sql)).rows[0];
  if (Number(row?.['number']) >= oldestVersion) return;
  throw new UnanimousError('rm-unavailable', `${rm}: Postgres ${String(row?.['version'])}`, {
    rm,
    hint: 'Postgres 13 or newer is needed: older ones cannot tell what became of a transaction.',
    retryable: false,
  });
}

import { UnanimousError } from '@unanimous/proto';
import { isError, unavailableError } from './error-number.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';

/** What `open` found of the server. */
export interface OpenedServer {
  /** The account that phase two logs in as, `user@host`. */
  readonly user: string;
  readonly rollsBackOnTimeout: boolean;
}

/** As the server says it: `10.11.6-MariaDB-1`, `8.0.36`. */
interface Version {
  readonly text: string;
  readonly isMariaDb: boolean;
  readonly number: readonly number[];
}

const oldestMariaDb = [10, 5, 0];
const oldestMysql = [8, 0, 29];

/**
 * Connects and checks what atomicity hangs on: a version whose prepared branches outlive their
 * session, a primary, commits that are durable, and the right to list what is prepared.
 * @throws UnanimousError that names the remedy, and no password.
 */
export async function checkServer(pool: PhaseTwoPool, rm: string): Promise<OpenedServer> {
  try {
    const { rows } = await pool.run(`SELECT VERSION() AS version, DATABASE() AS db,
      CURRENT_USER() AS user, @@GLOBAL.read_only AS readOnly,
      @@GLOBAL.innodb_flush_log_at_trx_commit AS flush,
      @@GLOBAL.innodb_rollback_on_timeout AS onTimeout`);
    const row = rows[0] ?? {};
    checkVersion(readVersion(String(row['version'])), rm);
    if (row['db'] === null) {
      throw refusal(rm, 'no database is chosen', 'Name one in the options: `database`.');
    }
    // A number in most versions, a word in the newest.
    if (!['0', 'OFF'].includes(String(row['readOnly']))) {
      const hint =
        'Connect to the primary; where there are several servers, by an address that follows it.';
      throw new UnanimousError('rm-unavailable', `${rm}: this server is read-only`, { rm, hint });
    }
    const flush = Number(row['flush']);
    // 3 is 1 by another name, which MariaDB keeps for old configurations.
    if (flush !== 1 && flush !== 3) {
      const message = `the server has innodb_flush_log_at_trx_commit = ${flush}`;
      throw refusal(rm, message, 'Set it to 1: what is prepared must survive a power cut.');
    }
    await checkList(pool, rm);
    return { user: String(row['user']), rollsBackOnTimeout: Number(row['onTimeout']) !== 0 };
  } catch (error) {
    throw unavailableError(error, rm);
  }
}

/** Reads what VERSION() answers. */
export function readVersion(text: string): Version {
  // Proxies may put before it what old replicas needed to see.
  const number = (/\d+(?:\.\d+)*/.exec(text.replace(/^5\.5\.5-/, ''))?.[0] ?? '')
    .split('.')
    .map(Number);
  return { text, isMariaDb: /mariadb/i.test(text), number };
}

/**
 * Refuses servers whose prepared branches do not outlive their session, or cannot be told apart.
 * @throws UnanimousError `rm-unavailable`.
 */
export function checkVersion({ text, isMariaDb, number }: Version, rm: string): void {
  const oldest = isMariaDb ? oldestMariaDb : oldestMysql;
  const at = oldest.findIndex((part, index) => (number[index] ?? 0) !== part);
  if (at < 0 || (number[at] ?? 0) > (oldest[at] ?? 0)) return;
  const hint =
    'MariaDB 10.5 or MySQL 8.0.29 is needed, or newer: older ones lose prepared branches.';
  throw refusal(rm, isMariaDb ? text : `MySQL ${text}`, hint);
}

async function checkList(pool: PhaseTwoPool, rm: string): Promise<void> {
  try {
    await pool.run('XA RECOVER');
  } catch (error) {
    if (!isError(error, 'xaError', 'missingPrivilege')) throw error;
    const hint = 'GRANT XA_RECOVER_ADMIN ON *.* to the user of the pool.';
    const message = `${rm}: the user may not list prepared branches: ${(error as Error).message}`;
    const details = { rm, hint, retryable: false, cause: error };
    throw new UnanimousError('rm-unavailable', message, details);
  }
}

function refusal(rm: string, message: string, hint: string): UnanimousError {
  return new UnanimousError('rm-unavailable', `${rm}: ${message}`, { rm, hint, retryable: false });
}

import { type Reason, reason, UnanimousError } from '@unanimous/proto';
import type { Finished } from '../resource.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import { forkOf, lsnToNumber, parseReceipt, type Receipt } from './receipt.ts';
import {
  ofThisDatabase,
  readServerState,
  type ServerState,
  type ServerStateRow,
  serverStateColumns,
} from './server-state.ts';
import { sqlState, unavailableError } from './sqlstate.ts';

/** What a receipt says. */
export type Settled = Finished | { readonly result: 'in-progress' };

/**
 * What became of a branch that is not prepared any more, or never was. Three answers and none of
 * them guessed; what the receipt cannot tell is unknown.
 * @throws UnanimousError when it must be asked again.
 */
export async function settle(pool: PhaseTwoPool, rm: string, text: string): Promise<Settled> {
  const unknown = (why: string): Settled => ({ result: 'unknown', reason: hazard(rm, why) });
  const receipt = parseReceipt(text);
  if (!receipt) return unknown(text === '' ? 'there is no receipt' : 'the receipt is unreadable');
  try {
    const answer = await ask(pool, receipt.xid);
    if (answer === undefined) {
      const absence = await proveAbsence(pool, receipt, rm);
      return typeof absence === 'string' ? unknown(absence) : absence;
    }
    const { status } = answer;
    const server = primaryState(answer, rm);
    const doubt = placeDoubt(receipt, server) ?? (await forkDoubt(pool, receipt, server));
    if (doubt !== undefined) return unknown(doubt);
    if (status === 'in progress') return { result: 'in-progress' };
    if (status === 'aborted') return { result: 'rolled-back' };
    if (status === null) return unknown(`Postgres has forgotten transaction ${receipt.xid}`);
    return mayBeReused(receipt, server)
      ? unknown(`the server crashed, and ${receipt.xid} may be another's transaction since`)
      : { result: 'committed' };
  } catch (error) {
    throw unavailableError(error, rm);
  }
}

/**
 * Reads a row of `serverStateColumns`.
 * @throws UnanimousError on a standby: it cannot finish a branch, and may not know of it yet.
 */
export function primaryState(row: ServerStateRow, rm: string): ServerState {
  const server = readServerState(row);
  if (server) return server;
  throw new UnanimousError('rm-unavailable', `${rm}: this server is a standby`, {
    rm,
    hint: 'Connect to the primary; where there are several servers, by an address that follows it.',
  });
}

/** A crash gives the id of what was not yet flushed to the next transaction. */
function mayBeReused({ crashMark }: Receipt, server: ServerState): boolean {
  return crashMark !== undefined && (crashMark === '' || crashMark !== server.crashMark);
}

interface ReceiptRow extends ServerStateRow {
  readonly status: 'in progress' | 'committed' | 'aborted' | null;
}

/** Status and server in one query, for two could meet two servers. Undefined: not there yet. */
async function ask(pool: PhaseTwoPool, xid: string): Promise<ReceiptRow | undefined> {
  const status = 'pg_catalog.pg_xact_status($1::text::xid8) AS "status"';
  try {
    const sql = `SELECT ${status}, ${serverStateColumns} ${ofThisDatabase}`;
    const { rows } = await pool.run(sql, [xid]);
    return rows[0] as unknown as ReceiptRow;
  } catch (error) {
    if (sqlState(error) === '22023') return undefined;
    throw error;
  }
}

/**
 * What it means that a server has not come to a branch's transaction id: why it proves nothing, or that
 * the branch was rolled back.
 *
 * A server counts its ids upwards while it runs. One that now gives out no more than the branch's id,
 * which the branch had before, has crashed since and lost the branch's connection. Recovery counts on
 * behind every id of which the log holds anything, so the log held no COMMIT of it, and none can come.
 * Place, count and history are read in one query: two could meet two servers.
 */
async function proveAbsence(
  pool: PhaseTwoPool,
  receipt: Receipt,
  rm: string,
): Promise<string | Settled> {
  const { xid, timeline, crashMark = '' } = receipt;
  const next = 'pg_catalog.pg_current_xact_id()::text AS "next"';
  const { rows } = await pool.run(`SELECT ${next}, ${serverStateColumns} ${ofThisDatabase}`);
  const row = rows[0] as unknown as ServerStateRow & { readonly next: string };
  const server = primaryState(row, rm);
  const doubt = placeDoubt(receipt, server);
  if (doubt !== undefined) return doubt;
  const isSameHistory = timeline === server.timeline && crashMark !== '';
  const hasCrashed = server.crashMark !== '' && crashMark !== server.crashMark;
  if (!isSameHistory || !hasCrashed) return `the server had not yet come to ${xid}`;
  // It has come there while it was asked: now its status can be read.
  return { result: BigInt(row.next) <= BigInt(xid) ? 'rolled-back' : 'in-progress' };
}

/** Why a server cannot speak for the transaction of a receipt: it is another. */
function placeDoubt(receipt: Receipt, server: ServerState): string | undefined {
  if (receipt.systemIdentifier !== server.systemIdentifier) {
    return `this is another cluster (${server.systemIdentifier}, not ${receipt.systemIdentifier})`;
  }
  if (receipt.databaseOid !== server.databaseOid) {
    return `this is another database (${server.databaseName}, not ${receipt.databaseName})`;
  }
  return undefined;
}

/** Why a server cannot speak for it: its history left the receipt's before the branch's place. */
async function forkDoubt(pool: PhaseTwoPool, receipt: Receipt, server: ServerState) {
  if (receipt.timeline === server.timeline) return undefined;
  const change = `the server went from timeline ${receipt.timeline} to ${server.timeline}`;
  if (receipt.timeline > server.timeline) return change;
  const file = await readHistory(pool, server.timeline);
  if (file === undefined) {
    return (
      `${change}; GRANT EXECUTE ON FUNCTION pg_read_file(text) to the service's role, so that it ` +
      'can see where they parted'
    );
  }
  const fork = forkOf(receipt.timeline, file);
  const isBehind = fork !== undefined && fork >= lsnToNumber(receipt.lsn);
  return isBehind ? undefined : `${change}, and left the old one before ${receipt.lsn}`;
}

async function readHistory(pool: PhaseTwoPool, timeline: number): Promise<string | undefined> {
  const name = timeline.toString(16).toUpperCase().padStart(8, '0');
  try {
    const sql = `SELECT pg_catalog.pg_read_file('pg_wal/${name}.history') AS "file"`;
    const { rows } = await pool.run(sql);
    return String(rows[0]?.['file']);
  } catch (error) {
    if (sqlState(error) === undefined) throw error;
    return undefined;
  }
}

function hazard(rm: string, why: string): Reason {
  const hint = 'Look into the database for what the transaction wrote, then resolve the branch.';
  return { ...reason('unknown', `${rm}: ${why}`, rm), hint };
}

import {
  ofThisDatabase,
  readServerState,
  type ServerState,
  type ServerStateRow,
  serverStateColumns,
} from './server-state.ts';
import type { Question } from './named-questions.ts';
import type { RawAnswer } from './one-write.ts';
import type { WorkConnection } from './work-connection.ts';

/** What Postgres says of a branch's transaction right before its vote. */
export interface VoteState {
  /** Undefined when the transaction has written nothing. */
  readonly xid: string | undefined;
  /** The name that was set in the transaction; empty where none was. */
  readonly branch: string;
  /** The database can write to others, which the absence of an id does not show (rule 12). */
  readonly hasRemotes: boolean;
  readonly server: ServerState | undefined;
}

interface VoteRow {
  readonly xid: string | null;
  readonly branch: string | null;
  readonly lsn: string | null;
}

/** What the connection's server has said of itself, if it was asked already. */
export function knownServer({ memory }: WorkConnection): ServerState | undefined {
  return memory.server;
}

/** True where a commit is durable by the settings that the connection had when it was asked. */
export function isDurable({ memory }: WorkConnection): boolean {
  return memory.isDurable;
}

/**
 * Asks for the state, and makes the end of the transaction durable, its warnings seen, and its
 * prepared form the property of `role`, without which phase two could not finish it.
 */
export async function readVoteState(
  connection: WorkConnection,
  { role, isSimple }: { readonly role: string; readonly isSimple: boolean },
): Promise<VoteState> {
  const known = knownServer(connection);
  const question = known ? '' : `; SELECT ${serverStateColumns} ${ofThisDatabase}`;
  const before = known ? '' : `SELECT ${isDurableColumn(role)} AS "isDurable";`;
  const remotes = `SELECT (EXISTS (SELECT FROM pg_catalog.pg_foreign_server) OR
      EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'dblink'))::text AS "hasRemotes"`;
  const answer = await connection.query(`${before}${voteQuery(role)}; ${remotes}${question}`);
  const rows = [answer].flat().map(({ rows: [row] }) => row);
  // What else ran may have set it for this transaction only.
  if (!known && rows.shift()?.['isDurable'] === 'true' && isSimple) {
    connection.memory.isDurable = true;
  }
  const [vote, hasRemotes, asked] = rows;
  const server = known ?? readServerState(asked as unknown as ServerStateRow);
  if (server) connection.memory.server = server;
  return { ...voteStateOf(vote, server), hasRemotes: hasRemotes?.['hasRemotes'] === 'true' };
}

const isDurableColumn = (role: string) => `(current_user = ${literalOf(role)} AND
    pg_catalog.current_setting('synchronous_commit') IN ('on', 'remote_apply') AND
    pg_catalog.current_setting('client_min_messages') NOT IN ('error', 'fatal', 'panic'))::text`;

/** The answer to `voteQuery`. */
export function voteStateOf(
  row: unknown,
  server: ServerState | undefined,
): Omit<VoteState, 'hasRemotes'> {
  const { xid, branch, lsn } = row as VoteRow;
  return {
    xid: xid ?? undefined,
    branch: branch ?? '',
    server: server && lsn !== null ? { ...server, lsn } : undefined,
  };
}

/** What a vote must know of a transaction whose settings are as they were. */
export const voteQuestion: Question = {
  name: 'unanimous_vote',
  text: `SELECT pg_catalog.pg_current_xact_id_if_assigned(),
    pg_catalog.pg_current_wal_insert_lsn(), current_user,
    pg_catalog.current_setting('synchronous_commit'),
    pg_catalog.current_setting('client_min_messages')`,
};

/** The end of the log, as a receipt needs it behind PREPARE. */
export const placeQuestion: Question = {
  name: 'unanimous_place',
  text: 'SELECT pg_catalog.pg_current_wal_insert_lsn()',
};

/** The answer to `voteQuestion`. */
export interface Told {
  readonly xid: string;
  readonly lsn: string;
}

/** Reads it; undefined where nothing was written, or the settings are not as a vote needs them. */
export function readTold(row: RawAnswer['row'], role: string): Told | undefined {
  const [xid, lsn, currentRole, synchronousCommit, messages = null] = row;
  const isDurableHere = synchronousCommit === 'on' || synchronousCommit === 'remote_apply';
  const isHeard = messages !== null && !/^(?:error|fatal|panic)$/.test(messages);
  if (!xid || !lsn || currentRole !== role || !isDurableHere || !isHeard) return undefined;
  return { xid, lsn };
}

/** Gives the transaction an id where it has none, so that a receipt can name it. */
export async function assignXid(connection: WorkConnection): Promise<string> {
  const sql = 'SELECT pg_catalog.pg_current_xact_id()::text AS "xid"';
  const [result] = [await connection.query(sql)].flat();
  return String(result?.rows[0]?.['xid']);
}

/** Makes the commit durable, and its warnings seen. */
const forCommit = `pg_catalog.set_config('synchronous_commit',
      CASE pg_catalog.current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true),
    pg_catalog.set_config('client_min_messages', 'warning', true)`;

/**
 * The question before a commit at home, in one write with it: what a receipt needs. It makes the end durable,
 * and its warnings seen. Its failure makes the COMMIT behind it a rollback, so it fails where the transaction
 * is not the branch's: where `name` is not what was set in it.
 */
export function homeQuery(name: string): string {
  return `SELECT pg_catalog.pg_current_xact_id_if_assigned(), pg_catalog.pg_current_wal_insert_lsn(),
    ${forCommit},
    CASE WHEN coalesce(pg_catalog.current_setting('unanimous.branch', true), '') <> '${name}'
      THEN pg_catalog.set_config('${notOurs}', '', true) END`;
}

/** No server has a setting of this name; asking for it is an error that carries it. */
const notOurs = "other SQL has ended the branch''s transaction; some may be committed";

/** The question before the vote, without what a connection needs to be asked only once. */
export function voteQuery(role: string): string {
  const literal = literalOf(role);
  return `SELECT pg_catalog.pg_current_xact_id_if_assigned()::text AS "xid",
    pg_catalog.current_setting('unanimous.branch', true) AS "branch",
    CASE WHEN NOT pg_catalog.pg_is_in_recovery()
      THEN pg_catalog.pg_current_wal_insert_lsn()::text END AS "lsn",
    ${forCommit},
    CASE WHEN current_user <> ${literal}
      THEN pg_catalog.set_config('role', ${literal}, true) END`;
}

function literalOf(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

import {
  ofThisDatabase,
  readServerState,
  type ServerState,
  type ServerStateRow,
  serverStateColumns,
} from './server-state.ts';
import type { WorkConnection } from './work-connection.ts';

/** What Postgres says of a branch's transaction right before its vote. */
export interface VoteState {
  /** Undefined when the transaction has written nothing. */
  readonly xid: string | undefined;
  /** The branch that opened the transaction; another, or empty, when ours is gone. */
  readonly branch: string;
  /** The database can write to others, which the absence of an id does not show (rule 12). */
  readonly hasRemotes: boolean;
  readonly server: ServerState | undefined;
}

interface VoteRow extends ServerStateRow {
  readonly xid: string | null;
  readonly branch: string | null;
  readonly hasRemotes: string;
}

/**
 * Asks for the state, and makes the end of the transaction durable, its warnings seen, and its
 * prepared form the property of `role`, without which phase two could not finish it.
 */
export async function readVoteState(connection: WorkConnection, role: string): Promise<VoteState> {
  const [result] = [await connection.query(voteQuery(role))].flat();
  const row = result?.rows[0] as unknown as VoteRow;
  return {
    xid: row.xid ?? undefined,
    branch: row.branch ?? '',
    hasRemotes: row.hasRemotes === 'true',
    server: readServerState(row),
  };
}

/** Gives the transaction an id where it has none, so that a receipt can name it. */
export async function assignXid(connection: WorkConnection): Promise<string> {
  const sql = 'SELECT pg_catalog.pg_current_xact_id()::text AS "xid"';
  const [result] = [await connection.query(sql)].flat();
  return String(result?.rows[0]?.['xid']);
}

function voteQuery(role: string): string {
  const literal = `'${role.replaceAll("'", "''")}'`;
  return `SELECT pg_catalog.pg_current_xact_id_if_assigned()::text AS "xid",
    pg_catalog.current_setting('unanimous.branch', true) AS "branch",
    (EXISTS (SELECT FROM pg_catalog.pg_foreign_server) OR
      EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'dblink'))::text AS "hasRemotes",
    ${serverStateColumns},
    pg_catalog.set_config('synchronous_commit',
      CASE pg_catalog.current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true),
    pg_catalog.set_config('client_min_messages', 'warning', true),
    CASE WHEN current_user <> ${literal}
      THEN pg_catalog.set_config('role', ${literal}, true) END
    ${ofThisDatabase}`;
}

/** What a server says of itself and of the place in its history where it stands. */
export interface ServerState {
  readonly systemIdentifier: string;
  readonly databaseOid: string;
  readonly databaseName: string;
  readonly timeline: number;
  readonly lsn: string;
  /** Changes when the server crashes; not when it is stopped and started. */
  readonly crashMark: string;
}

/** A row of `serverStateColumns`: all texts, so that no type parser of the user's comes between. */
export interface ServerStateRow {
  readonly system: string;
  readonly oid: string;
  readonly name: string;
  readonly walFile: string | null;
  readonly lsn: string | null;
  readonly crashMark: string | null;
}

const lsn = 'pg_catalog.pg_current_wal_insert_lsn()';

/**
 * Columns for a query FROM pg_catalog.pg_database d. The crash mark is the time from which the
 * server counts its statistics: they do not survive a crash. On a standby what belongs to the log
 * is null: it writes none.
 */
export const serverStateColumns = `
  (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS "system",
  d.oid::text AS "oid", d.datname::text AS "name",
  CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_walfile_name(${lsn}) END
    AS "walFile",
  CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN ${lsn}::text END AS "lsn",
  (SELECT (extract(epoch FROM stats_reset) * 1000000)::bigint::text
    FROM pg_catalog.pg_stat_bgwriter) AS "crashMark"`;

/** The row of the database that a connection is in. */
export const ofThisDatabase =
  'FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()';

/** Reads a row; undefined when the server is a standby. */
export function readServerState(row: ServerStateRow): ServerState | undefined {
  if (row.walFile === null || row.lsn === null) return undefined;
  return {
    systemIdentifier: row.system,
    databaseOid: row.oid,
    databaseName: row.name,
    // A log file's name begins with its timeline.
    timeline: Number.parseInt(row.walFile.slice(0, 8), 16),
    lsn: row.lsn,
    crashMark: row.crashMark ?? '',
  };
}

/** What a branch id carries to tell a server from itself after it went back in time (rule 8). */
export function incarnationOf({ systemIdentifier, timeline }: ServerState): string {
  const key = `${systemIdentifier}-${timeline}`;
  let incarnation = incarnations.get(key);
  if (incarnation === undefined) {
    incarnation = `${BigInt(systemIdentifier).toString(36)}-${timeline}`;
    incarnations.set(key, incarnation);
  }
  return incarnation;
}

/** Asked for each branch, of a server or two. */
const incarnations = new Map<string, string>();

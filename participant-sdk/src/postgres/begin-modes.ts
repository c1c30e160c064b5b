/** A transaction's modes as Postgres reports them, all in small letters. */
export interface TransactionModes {
  readonly isolation: string;
  readonly readOnly: string;
  readonly deferrable: string;
}

/** Reads the modes of the running transaction. */
export const transactionModesQuery = `
  SELECT pg_catalog.current_setting('transaction_isolation') AS "isolation",
    pg_catalog.current_setting('transaction_read_only') AS "readOnly",
    pg_catalog.current_setting('transaction_deferrable') AS "deferrable"`;

/** The mode that an inner BEGIN asks for and the running transaction does not have. */
export function unmetMode(modes: string, actual: TransactionModes): string | undefined {
  const level = /ISOLATION LEVEL (SERIALIZABLE|REPEATABLE READ|READ (?:UN)?COMMITTED)/.exec(modes);
  if (level?.[1] && normal(level[1]) !== normal(actual.isolation)) return level[0];
  const access = /READ (?:ONLY|WRITE)/.exec(modes)?.[0];
  if (access && (access === 'READ ONLY') !== (actual.readOnly === 'on')) return access;
  const deferrable = /(?:NOT )?DEFERRABLE/.exec(modes)?.[0];
  if (deferrable && (deferrable === 'DEFERRABLE') !== (actual.deferrable === 'on')) {
    return deferrable;
  }
  return undefined;
}

/** Postgres treats READ UNCOMMITTED as READ COMMITTED. */
function normal(level: string): string {
  return level.toUpperCase().replace('UNCOMMITTED', 'COMMITTED');
}

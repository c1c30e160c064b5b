import { isError } from './error-number.ts';
import type { WorkConnection } from './work-connection.ts';

/** What a transaction was asked to be; what is not named is the session's own. */
export interface TransactionModes {
  readonly isolation?: string;
  readonly readOnly?: boolean;
}

/** Reads the modes of SET TRANSACTION and START TRANSACTION; undefined when XA cannot have them. */
export function readModes(modes: string): TransactionModes | undefined {
  const level = /ISOLATION LEVEL (SERIALIZABLE|REPEATABLE READ|READ (?:UN)?COMMITTED)/.exec(modes);
  const access = /READ (ONLY|WRITE)/.exec(modes);
  const rest = modes.replace(level?.[0] ?? '', '').replace(access?.[0] ?? '', '');
  if (rest.trim() !== '') return undefined;
  return {
    ...(level?.[1] && { isolation: level[1] }),
    ...(access && { readOnly: access[1] === 'ONLY' }),
  };
}

/** Whether an open transaction lacks what an inner one asks for. */
export async function unmetMode(
  connection: WorkConnection,
  asked: TransactionModes,
  actual: TransactionModes,
): Promise<boolean> {
  if (asked.readOnly !== undefined && asked.readOnly !== (actual.readOnly ?? false)) return true;
  if (asked.isolation === undefined) return false;
  return asked.isolation !== (actual.isolation ?? (await sessionIsolation(connection)));
}

/** The session's own level: the variable does not show that of a single transaction. */
async function sessionIsolation(connection: WorkConnection): Promise<string> {
  const read = async (variable: string) => {
    const { rows } = await connection.query(`SELECT @@SESSION.${variable} AS level`);
    return String(rows[0]?.['level']).replaceAll('-', ' ');
  };
  try {
    return await read('transaction_isolation'); // MySQL, and MariaDB from 11.1
  } catch (error) {
    if (!isError(error, 'unknownVariable')) throw error;
    return read('tx_isolation');
  }
}

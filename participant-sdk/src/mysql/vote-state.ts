import { isError } from './error-number.ts';
import type { WorkConnection } from './work-connection.ts';

/** How many rows the session has written since it began, temporary tables perhaps included. */
export async function readWriteCount(connection: WorkConnection): Promise<number> {
  const { rows } = await connection.query(
    "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_write','Handler_update','Handler_delete')",
  );
  return rows.reduce((sum, row) => sum + Number(row['Value']), 0);
}

/** The warning that a rollback could not undo everything. */
const notUndone = '1196';

/**
 * Whether the transaction has changed what no rollback takes back: tables of an engine without
 * transactions, or temporary tables that it made. The server says so when it goes back to a savepoint.
 */
export async function hasChangedForGood(connection: WorkConnection): Promise<boolean> {
  try {
    await connection.query('SAVEPOINT unanimous_vote');
  } catch (error) {
    if (isError(error, 'notImplemented')) return true; // Aria has no savepoints
    throw error;
  }
  const { warnings } = await connection.query('ROLLBACK TO SAVEPOINT unanimous_vote');
  if (warnings === 0) return false;
  const { rows } = await connection.query('SHOW WARNINGS');
  return rows.some((row) => String(row['Code']) === notUndone);
}

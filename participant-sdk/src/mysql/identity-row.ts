import { randomInt } from 'node:crypto';
import { UnanimousError } from '@unanimous/proto';
import type { OwnTable } from './own-tables.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';

const table = 'unanimous_identity';

/**
 * What this database is. Neither MariaDB nor MySQL has an id that goes with the data, nor one that
 * changes when the data goes back in time, so both are a row of ours: whoever restores a backup
 * raises the incarnation (PROTOCOL rule 8).
 */
export const identityTable: OwnTable = {
  name: table,
  ddl: `CREATE TABLE ${table} (
    one tinyint NOT NULL DEFAULT 1 PRIMARY KEY CHECK (one = 1),
    id char(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    database_name varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    incarnation int unsigned NOT NULL DEFAULT 1
  ) ENGINE=InnoDB`,
  rights: 'SELECT, INSERT',
  check: `INSERT INTO ${table} SELECT * FROM ${table} WHERE false`,
};

/** The row. */
export interface DatabaseIdentity {
  readonly id: string;
  readonly incarnation: number;
  readonly database: string;
}

/** Reads who the database is. */
const identityQuery = `SELECT id, incarnation, database_name AS databaseName,
  DATABASE() AS current FROM ${table}`;

/**
 * Who the database is; gives it an id at the first call.
 * @throws UnanimousError when it is a copy of another one, whose id it still has.
 */
export async function readIdentity(pool: PhaseTwoPool, rm: string): Promise<DatabaseIdentity> {
  let { rows } = await pool.run(identityQuery);
  if (rows.length === 0) {
    const sql = `INSERT IGNORE INTO ${table} (id, database_name) VALUES (?, DATABASE())`;
    await pool.run(sql, [newId()]);
    ({ rows } = await pool.run(identityQuery));
  }
  const row = rows[0] ?? {};
  const [name, current] = [String(row['databaseName']), String(row['current'])];
  if (name !== current) {
    const message = `${rm}: database ${current} is a copy of ${name}`;
    const hint =
      `Give it an id of its own: DELETE FROM ${table}; and, for what it copied is over, ` +
      'DELETE FROM unanimous_receipts.';
    throw new UnanimousError('rm-identity-mismatch', message, { rm, hint });
  }
  return { id: String(row['id']), incarnation: Number(row['incarnation']), database: current };
}

/** What a branch id carries to tell a database from another, and from itself after a restore. */
export function incarnationOf({ id, incarnation }: DatabaseIdentity): string {
  return `${id}-${incarnation}`;
}

function newId(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: 8 }, () => letters[randomInt(letters.length)]).join('');
}

import { UnanimousError } from '@unanimous/proto';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import { sqlState, unavailableError } from './sqlstate.ts';

/** A table that the resource keeps in the user's database. */
export interface OwnTable {
  readonly name: string;
  readonly ddl: string;
  /** Rights that the role needs on it. */
  readonly rights: string;
  /** A statement that asks for all these rights and changes nothing. */
  readonly check: string;
}

/** SQLSTATEs of a table, or its row type, that somebody else has made meanwhile. */
const existsAlready = new Set(['42P07', '23505', '42710']);

/**
 * Makes our tables where there are none, and checks our rights on them.
 * @throws UnanimousError with the statements to run when rights are lacking.
 */
export async function openTables(
  pool: PhaseTwoPool,
  tables: readonly OwnTable[],
  { rm, role }: { readonly rm: string; readonly role: string },
): Promise<void> {
  try {
    for (const table of tables) await openTable(pool, table);
  } catch (error) {
    const state = sqlState(error);
    if (state !== '42501' && state !== '3F000') throw unavailableError(error, rm);
    const names = tables.map(({ name }) => name).join(' and ');
    const message = `${rm}: role ${role} can neither use nor make the tables ${names}`;
    const quoted = `"${role.replaceAll('"', '""')}"`;
    const statements = tables.map(({ name, ddl, rights }) => {
      const create = ddl.replaceAll(/\s+/g, ' ').replace('TABLE', 'TABLE IF NOT EXISTS');
      return `${create}; GRANT ${rights} ON ${name} TO ${quoted};`;
    });
    const hint = `Run in this database: ${statements.join(' ')}`;
    const details = { rm, hint, retryable: false, cause: error };
    throw new UnanimousError('rm-unavailable', message, details);
  }
}

async function openTable(pool: PhaseTwoPool, { name, ddl, check }: OwnTable): Promise<void> {
  const { rows } = await pool.run(`SELECT pg_catalog.to_regclass('${name}')::text AS "table"`);
  if (rows[0]?.['table'] === null) await createTable(pool, ddl);
  await pool.run(check);
}

async function createTable(pool: PhaseTwoPool, ddl: string): Promise<void> {
  try {
    await pool.run(ddl);
  } catch (error) {
    if (!existsAlready.has(sqlState(error) ?? '')) throw error;
  }
}

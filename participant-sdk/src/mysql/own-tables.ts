import { UnanimousError } from '@unanimous/proto';
import { isError, unavailableError } from './error-number.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';

/** A table that the resource keeps in the user's database. */
export interface OwnTable {
  readonly name: string;
  readonly ddl: string;
  /** Rights that the user needs on it. */
  readonly rights: string;
  /** A statement that asks for all these rights and changes nothing. */
  readonly check: string;
}

/**
 * Makes our tables where there are none, and checks our rights on them.
 * @throws UnanimousError with the statements to run when rights are lacking.
 */
export async function openTables(
  pool: PhaseTwoPool,
  tables: readonly OwnTable[],
  { rm, user }: { readonly rm: string; readonly user: string },
): Promise<void> {
  try {
    for (const table of tables) await openTable(pool, table);
  } catch (error) {
    if (!isError(error, 'tableAccessDenied', 'databaseAccessDenied')) {
      throw unavailableError(error, rm);
    }
    const names = tables.map(({ name }) => name).join(', ');
    const message = `${rm}: user ${user} can neither use nor make the tables ${names}`;
    const statements = tables.map(({ name, ddl, rights }) => {
      const create = ddl.replaceAll(/\s+/g, ' ').replace('TABLE', 'TABLE IF NOT EXISTS');
      return `${create}; GRANT ${rights} ON ${name} TO ${accountOf(user)};`;
    });
    const hint = `Run in this database: ${statements.join(' ')}`;
    const details = { rm, hint, retryable: false, cause: error };
    throw new UnanimousError('rm-unavailable', message, details);
  }
}

async function openTable(pool: PhaseTwoPool, { name, ddl, check }: OwnTable): Promise<void> {
  const sql = `SELECT COUNT(*) AS n FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = ?`;
  const { rows } = await pool.run(sql, [name]);
  if (Number(rows[0]?.['n']) === 0) await createTable(pool, ddl);
  await pool.run(check);
}

async function createTable(pool: PhaseTwoPool, ddl: string): Promise<void> {
  try {
    await pool.run(ddl);
  } catch (error) {
    if (!isError(error, 'tableExists')) throw error; // somebody else has made it meanwhile
  }
}

/** An account as GRANT takes it; the host is what follows the last @. */
function accountOf(user: string): string {
  const at = user.lastIndexOf('@');
  const quoted = (part: string) => `'${part.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
  return `${quoted(user.slice(0, at))}@${quoted(user.slice(at + 1))}`;
}

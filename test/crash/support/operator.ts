import type { TransactionView } from '@unanimous/proto';
import type { CrashFleet } from './crash-fleet.ts';

/** What Postgres' receipt of one phase says when the server has crashed since. */
const crashed = /: the server crashed, and \d+ may be another's/;

/**
 * Does what docs/postgres.md asks of people: a server that crashed in the very moment of a commit in
 * one phase cannot tell what became of it, so they look for what the transaction wrote, and say it.
 * Nothing else is resolved: any other heuristic stays, and is a violation.
 */
export class Operator {
  readonly #fleet: CrashFleet;
  readonly #resolved = new Set<string>();

  constructor(fleet: CrashFleet) {
    this.#fleet = fleet;
  }

  /** How many transactions were resolved. */
  get resolvedCount(): number {
    return this.#resolved.size;
  }

  /** Looks at what is not over. */
  async look(open: readonly TransactionView[]): Promise<void> {
    for (const { gid, state, branches } of open) {
      const [branch, second] = branches;
      const isAlone = branch !== undefined && second === undefined;
      if (state !== 'heuristic' || !isAlone || this.#resolved.has(gid)) continue;
      const isCrash = crashed.test(branch.reason?.message ?? '');
      if (branch.rm !== 'orders-db' || branch.state !== 'unknown' || !isCrash) continue;
      const { databases, admin } = this.#fleet;
      const { rowCount } = await databases.orders.query('select from orders where gid = $1', [gid]);
      const resolution = rowCount === 0 ? 'RESOLVED_ROLLED_BACK' : 'RESOLVED_COMMITTED';
      const word = { operator: 'soak', reason: `looked: ${rowCount} rows` };
      await admin.resolve({ gid, branch: branch.branch, resolution, ...word });
      this.#resolved.add(gid);
    }
  }
}

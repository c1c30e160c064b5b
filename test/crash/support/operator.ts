import type { TransactionView } from '@unanimous/proto';
import type { Admin } from '../../../examples/support/admin.ts';

/** What Postgres' receipt of one phase says when the server has crashed since. */
const crashed = /: the server crashed, and \d+ may be another's/;

/** Whom an operator looks after. */
export interface LookedAfter {
  readonly admin: Pick<Admin, 'resolve'>;
  /** A resource manager on a Postgres that is crashed. */
  readonly rm: string;
  /** Whether it holds what a transaction wrote. */
  holds(gid: string): Promise<boolean>;
}

/**
 * Does what docs/postgres.md asks of people: a server that crashed in the very moment of a commit in
 * one phase cannot tell what became of it, so they look for what the transaction wrote, and say it.
 * Nothing else is resolved: any other heuristic stays, and is a violation.
 */
export class Operator {
  readonly #after: LookedAfter;
  readonly #resolved = new Set<string>();

  constructor(after: LookedAfter) {
    this.#after = after;
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
      if (branch.rm !== this.#after.rm || branch.state !== 'unknown' || !isCrash) continue;
      const isThere = await this.#after.holds(gid);
      const resolution = isThere ? 'RESOLVED_COMMITTED' : 'RESOLVED_ROLLED_BACK';
      const word = { operator: 'test', reason: isThere ? 'it is there' : 'it is not there' };
      await this.#after.admin.resolve({ gid, branch: branch.branch, resolution, ...word });
      this.#resolved.add(gid);
    }
  }
}

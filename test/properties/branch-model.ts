import { type BranchId, formatBranchId } from '@unanimous/proto';
import type { TestTransaction } from '../participant-sdk/postgres/branches.ts';

/** How a branch stands. `lost`: its connection went with the server before it had voted. */
export type BranchState = 'open' | 'lost' | 'prepared' | 'committed' | 'rolled-back' | 'one-phase';

/** A branch as the model knows it. */
export interface ModelBranch {
  readonly transaction: TestTransaction;
  /** What it has inserted and not taken back to a savepoint. */
  readonly values: number[];
  state: BranchState;
  receipt: string;
  /** The server crashed since it committed in one phase: its id may be another's by now. */
  isBeforeCrash: boolean;
}

/** What each branch must be, and so what must be in the database. */
export class BranchModel {
  readonly branches: ModelBranch[] = [];
  nextValue = 1;

  /** Notes a branch that was opened. */
  begin(transaction: TestTransaction, values: readonly number[]): void {
    const rest = { state: 'open', receipt: '', isBeforeCrash: false } as const;
    this.branches.push({ transaction, values: [...values], ...rest });
  }

  in(...states: readonly BranchState[]): ModelBranch[] {
    return this.branches.filter(({ state }) => states.includes(state));
  }

  /** All rows that there must be. */
  rows(): number[] {
    const committed = this.in('committed', 'one-phase').flatMap(({ values }) => values);
    return committed.toSorted((a, b) => a - b);
  }

  /** Names of all branches that must be prepared. */
  prepared(): string[] {
    return this.in('prepared')
      .map((branch) => nameOf(branch))
      .toSorted();
  }

  /** The server went down; `isCrash` when it had no time to write what it knew. */
  serverDown(isCrash: boolean): void {
    for (const branch of this.in('open')) branch.state = 'lost';
    for (const branch of this.in('one-phase')) branch.isBeforeCrash ||= isCrash;
  }
}

/** A branch's name in Postgres. */
export function nameOf({ transaction }: ModelBranch): string {
  return formatBranchId(transaction.id satisfies BranchId);
}

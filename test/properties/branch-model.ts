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

/** What happened to branches, and what was seen of them. */
export type BranchFact =
  /** `was`: how the branch stood; nothing had befallen one that was open. */
  | {
      readonly is: 'voted';
      readonly branch: ModelBranch;
      readonly was: BranchState;
      readonly vote: 'yes' | 'ready' | 'read-only' | 'no';
      readonly why: string;
    }
  /** A statement, or another vote, after the vote; `code` of its error, if there was one. */
  | { readonly is: 'late'; readonly what: string; readonly code: string | undefined }
  | {
      readonly is: 'answered';
      readonly branch: ModelBranch;
      readonly order: 'commit' | 'abort' | 'one-phase' | 'settle';
      readonly was: BranchState;
      readonly hasReceipt: boolean;
      readonly isBeforeCrash: boolean;
      readonly result: string;
    }
  | { readonly is: 'by hand'; readonly branch: ModelBranch }
  /** All rows, what Postgres lists as prepared, and what a scan finds. */
  | {
      readonly is: 'seen';
      readonly rows: readonly number[];
      readonly prepared: readonly string[];
      readonly scanned: readonly string[];
    };

/** What each branch must be, and all that was seen. */
export class BranchModel {
  readonly branches: ModelBranch[] = [];
  readonly facts: BranchFact[] = [];
  nextValue = 1;
  failure: unknown;

  /** Notes a branch that was opened. */
  begin(transaction: TestTransaction, values: readonly number[]): void {
    const rest = { state: 'open', receipt: '', isBeforeCrash: false } as const;
    this.branches.push({ transaction, values: [...values], ...rest });
  }

  in(...states: readonly BranchState[]): ModelBranch[] {
    return this.branches.filter(({ state }) => states.includes(state));
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

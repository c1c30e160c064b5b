import type { Reason } from '@unanimous/proto';
import type { BranchVote } from '../protocol/branch-state.ts';

/** Gathers the votes of a transaction whose branches prepare without being asked. */
export class KeptVotes {
  /** By the number of the branch, from 1. */
  readonly votes: (BranchVote | undefined)[] = [];
  #missing: number;
  #settle: ((failure: Reason | undefined) => void) | undefined;

  /** `settle` is called once: when all have voted, or with the reason why it won't do. */
  constructor(count: number, settle: (failure: Reason | undefined) => void) {
    this.#missing = count;
    this.#settle = settle;
  }

  voted(branch: number, vote: BranchVote): void {
    if (vote.kind === 'no') return this.fail(vote.reason);
    if (!this.votes[branch]) this.#missing -= 1;
    this.votes[branch] = vote;
    this.endIfComplete();
  }

  /** Deadline, lost session, a cancelled commit. Too late once all votes were handed over. */
  fail(why: Reason): void {
    this.#end(why);
  }

  /** There is nothing to wait for. */
  endIfComplete(): void {
    if (this.#missing === 0) this.#end(undefined);
  }

  #end(failure: Reason | undefined): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(failure);
  }
}

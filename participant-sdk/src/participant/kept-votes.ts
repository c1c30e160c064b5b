import type { Reason } from '@unanimous/proto';
import type { BranchVote } from '../protocol/branch-state.ts';

/** Gathers the votes of a transaction whose branches prepare without being asked. */
export class KeptVotes {
  readonly votes = new Map<number, BranchVote>();
  readonly #count: number;
  #settle: ((failure: Reason | undefined) => void) | undefined;

  /** `settle` is called once: when all have voted, or with the reason why it won't do. */
  constructor(count: number, settle: (failure: Reason | undefined) => void) {
    this.#count = count;
    this.#settle = settle;
  }

  voted(branch: number, vote: BranchVote): void {
    if (vote.kind === 'no') return this.fail(vote.reason);
    this.votes.set(branch, vote);
    if (this.votes.size === this.#count) this.#end(undefined);
  }

  /** Deadline, lost session, a cancelled commit. Too late once all votes were handed over. */
  fail(why: Reason): void {
    this.#end(why);
  }

  /** There is nothing to wait for. */
  endIfComplete(): void {
    if (this.votes.size === this.#count) this.#end(undefined);
  }

  #end(failure: Reason | undefined): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(failure);
  }
}

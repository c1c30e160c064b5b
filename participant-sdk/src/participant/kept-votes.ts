import type { Reason } from '@unanimous/proto';
import type { BranchVote } from '../protocol/branch-state.ts';

/** How the votes of a transaction end that prepares without being asked. */
export interface KeptVotesListener {
  /** All have voted. They are handed over now, or when there is room for them. */
  complete(): void;
  /** A no, or something else that ends the transaction here. */
  failed(why: Reason): void;
}

/** Gathers the votes of a transaction whose branches prepare without being asked. */
export class KeptVotes {
  /** By the number of the branch, from 1. */
  readonly votes: (BranchVote | undefined)[] = [];
  #missing: number;
  #isOver = false;
  readonly #listener: KeptVotesListener;

  constructor(count: number, listener: KeptVotesListener) {
    this.#missing = count;
    this.#listener = listener;
  }

  voted(branch: number, vote: BranchVote): void {
    if (vote.kind === 'no') return this.fail(vote.reason);
    if (!this.votes[branch]) this.#missing -= 1;
    this.votes[branch] = vote;
    this.completeIfAll();
  }

  /** Deadline, lost session, a cancelled commit. Too late once all votes were handed over. */
  fail(why: Reason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.failed(why);
  }

  /** Also where there is nothing to wait for. */
  completeIfAll(): void {
    if (this.#missing === 0 && !this.#isOver) this.#listener.complete();
  }

  /** The votes leave now; false: too late, it has failed meanwhile. */
  handOver(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    return true;
  }
}

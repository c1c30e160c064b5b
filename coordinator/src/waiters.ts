import type { Outcome } from '@unanimous/proto';
import { outcomeOf } from './protocol/answers.ts';
import type { Transaction } from './protocol/transaction.ts';
import { outcomeView } from './views.ts';
import type { World } from './world.ts';

/** Somebody who waits for an outcome. */
interface Waiter {
  /** The transaction's state at that time. */
  readonly state: () => Transaction;
  readonly waitAppliedMs: number;
  readonly answer: (outcome: Outcome) => void;
  cancelTimer: () => void;
  /** The decision is known, and the time to apply it runs. */
  isDecided: boolean;
}

/** Those who wait for the outcome of one transaction. */
export class Waiters {
  readonly #world: World;
  #waiting: Waiter[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** How many wait. */
  get count(): number {
    return this.#waiting.length;
  }

  /**
   * Answers when the outcome is decided (0) or applied. The wait is bounded: by `undecidedMs` until
   * the decision, then by `waitAppliedMs`. What it returns ends the wait without an answer.
   */
  add(
    state: () => Transaction,
    bounds: { readonly undecidedMs: number; readonly waitAppliedMs: number },
    answer: (outcome: Outcome) => void,
  ): () => void {
    const { undecidedMs, waitAppliedMs } = bounds;
    const waiter: Waiter = {
      state,
      waitAppliedMs,
      answer,
      cancelTimer: () => {},
      isDecided: false,
    };
    this.#waiting.push(waiter);
    this.#bound(waiter, undecidedMs);
    return () => this.#drop(waiter);
  }

  /** Answers whoever has waited for this. */
  tell(state: Transaction): void {
    const { is, applied } = outcomeOf(state);
    if (is === 'undecided') return;
    for (const waiter of [...this.#waiting]) {
      if (is === 'aborted' || applied || waiter.waitAppliedMs === 0) {
        this.#release(waiter, outcomeView(state));
      } else if (!waiter.isDecided) {
        waiter.isDecided = true;
        this.#bound(waiter, waiter.waitAppliedMs);
      }
    }
  }

  /** Answers everybody the same; nothing better will be known here. */
  answerAll(outcome: Outcome): void {
    for (const waiter of [...this.#waiting]) this.#release(waiter, outcome);
  }

  #bound(waiter: Waiter, delayMs: number): void {
    waiter.cancelTimer();
    waiter.cancelTimer = this.#world.after(delayMs, () => {
      this.#release(waiter, outcomeView(waiter.state()));
    });
  }

  #release(waiter: Waiter, outcome: Outcome): void {
    this.#drop(waiter);
    waiter.answer(outcome);
  }

  #drop(waiter: Waiter): void {
    waiter.cancelTimer();
    const at = this.#waiting.indexOf(waiter);
    if (at !== -1) this.#waiting.splice(at, 1);
  }
}

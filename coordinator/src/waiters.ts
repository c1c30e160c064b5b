import type { Alarm, Alarms, Outcome } from '@unanimous/proto';
import { outcomeOf } from './protocol/answers.ts';
import type { Transaction } from './protocol/transaction.ts';
import { outcomeView } from './views.ts';

/** What is waited for; it holds the transaction's state at any time. */
interface Awaited {
  readonly state: Transaction;
}

/** Somebody who waits for an outcome. */
interface Waiter {
  readonly of: Awaited;
  readonly waitAppliedMs: number;
  readonly answer: (outcome: Outcome) => void;
  bound: Alarm | undefined;
  /** The decision is known, and the time to apply it runs. */
  isDecided: boolean;
}

/** Nobody. One for all: most transactions are waited for only a moment. */
const nobody: readonly Waiter[] = [];

/** Those who wait for the outcome of one transaction. */
export class Waiters {
  readonly #alarms: Alarms;
  /** Another list after each change. */
  #waiting = nobody;

  constructor(alarms: Alarms) {
    this.#alarms = alarms;
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
    of: Awaited,
    bounds: { readonly undecidedMs: number; readonly waitAppliedMs: number },
    answer: (outcome: Outcome) => void,
  ): () => void {
    const { undecidedMs, waitAppliedMs } = bounds;
    const waiter: Waiter = { of, waitAppliedMs, answer, bound: undefined, isDecided: false };
    this.#waiting = [...this.#waiting, waiter];
    this.#bound(waiter, undecidedMs);
    return () => this.#drop(waiter);
  }

  /** Answers whoever has waited for this. */
  tell(state: Transaction): void {
    const { is, applied } = outcomeOf(state);
    if (is === 'undecided') return;
    for (const waiter of this.#waiting) {
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
    for (const waiter of this.#waiting) this.#release(waiter, outcome);
  }

  #bound(waiter: Waiter, delayMs: number): void {
    waiter.bound?.cancel();
    waiter.bound = this.#alarms.set(delayMs, () => {
      this.#release(waiter, outcomeView(waiter.of.state));
    });
  }

  #release(waiter: Waiter, outcome: Outcome): void {
    this.#drop(waiter);
    waiter.answer(outcome);
  }

  #drop(waiter: Waiter): void {
    waiter.bound?.cancel();
    const left = this.#waiting.filter((one) => one !== waiter);
    this.#waiting = left.length === 0 ? nobody : left;
  }
}

import type { Alarm, Alarms, Reason } from '@unanimous/proto';
import type { BranchResult } from '../protocol/branch-state.ts';
import type { BranchDriver } from './branch-driver.ts';

/** What a branch has come to in phase two, as its own process knows it. */
export interface BranchSoFar {
  readonly branch: number;
  readonly rm: string;
  /** `pending`: it has not ended. */
  readonly result: BranchResult['result'] | 'pending';
  /** What keeps it, or why it did not follow. */
  readonly reason: Reason | undefined;
}

type Noted = { -readonly [K in keyof BranchSoFar]: BranchSoFar[K] } & {
  readonly isEffect: boolean;
};

/** Who waits until all branches have ended; one of the two is called, once. */
export interface OverListener {
  /** All have ended, or the time is over. */
  over(): void;
  /** The session is lost, or this process leaves: the rest may not be heard of here. */
  lost(): void;
}

/**
 * Phase two of a transaction of which every branch has voted in this process. The coordinator's
 * messages drive the branches, as ever; this looks on. Whoever waits until all is applied is told from
 * here, so nobody waits for the acknowledgements, unless the coordinator has effects to ask for.
 */
export class PhaseTwoHere {
  readonly #alarms: Alarms;
  readonly #branches: readonly Noted[];
  #openCount: number;
  #listener: OverListener | undefined;
  #bound: Alarm | undefined;

  /** Made when the votes are handed over, of the branches that are prepared. */
  constructor(prepared: readonly BranchDriver[], alarms: Alarms) {
    this.#alarms = alarms;
    this.#openCount = prepared.length;
    this.#branches = prepared.map(({ id: { branch, rm }, isEffect }) => {
      return { branch, rm, result: 'pending', reason: undefined, isEffect };
    });
  }

  /** The branches that were prepared, as far as they have come. */
  get branches(): readonly BranchSoFar[] {
    return this.#branches;
  }

  /** A branch has ended, or an attempt has failed. */
  came(branch: number, result: BranchSoFar['result'], reason: Reason | undefined): void {
    const one = this.#branches.find((known) => known.branch === branch);
    if (one?.result !== 'pending') return;
    one.result = result;
    one.reason = reason;
    if (result === 'pending') return;
    this.#openCount -= 1;
    if (this.#openCount === 0) this.#takeListener()?.over();
  }

  /**
   * Effects are open, and nothing else: the coordinator asks for them when it has heard of all others
   * (PROTOCOL rule 15).
   */
  get waitsForEffects(): boolean {
    const open = this.#branches.filter(({ result }) => result === 'pending');
    return open.length > 0 && open.every(({ isEffect }) => isEffect);
  }

  /** Tells when all have ended, or after a time, which may be none. */
  whenOver(limitMs: number, listener: OverListener): void {
    if (limitMs === 0 || this.#openCount === 0) return listener.over();
    this.#listener = listener;
    this.#bound = this.#alarms.set(limitMs, () => this.#takeListener()?.over());
  }

  /** The session is lost, or this process leaves. */
  lost(): void {
    this.#takeListener()?.lost();
  }

  #takeListener(): OverListener | undefined {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#bound?.cancel();
    return listener;
  }
}

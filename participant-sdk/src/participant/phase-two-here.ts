import type { Alarm, Alarms, BranchId, Reason } from '@unanimous/proto';
import type { BranchResult } from '../protocol/branch-state.ts';
import type { BranchDriver } from './branch-driver.ts';

/** What a branch has come to in phase two. */
export interface BranchSoFar {
  readonly id: BranchId;
  /** `pending`: it has not ended. */
  readonly result: BranchResult['result'] | 'pending';
  /** What keeps it, or why it did not follow. */
  readonly reason: Reason | undefined;
}

/** Who waits until all branches have ended; one of the two is called, once. */
export interface OverListener {
  /** All have ended, or the time is over. */
  over(): void;
  /** The session is lost, or this process leaves: the rest may not be heard of here. */
  lost(): void;
}

/** What phase two needs of its surroundings. */
export interface PhaseTwoPorts {
  readonly alarms: Alarms;
  /** Tells the coordinator: at once, or in company where nobody waits for it. */
  acknowledge(ended: BranchSoFar, isUrgent: boolean): void;
}

/** A branch that was prepared, and what it has come to. */
class Prepared implements BranchSoFar {
  readonly driver: BranchDriver;
  result: BranchSoFar['result'] = 'pending';
  reason: Reason | undefined = undefined;

  constructor(driver: BranchDriver) {
    this.driver = driver;
  }

  get id(): BranchId {
    return this.driver.id;
  }
}

/**
 * Phase two of a transaction of which every branch has voted in this process. The coordinator's
 * messages drive the branches, as ever; this looks on. Who waits until all is applied is told from
 * here, so nobody waits for the acknowledgements.
 *
 * Effects are applied when all databases have committed (PROTOCOL rule 15), which is known here first:
 * the coordinator need not hear of it and ask. It would ask when it hears of the last database, so it
 * hears of that behind the effects.
 */
export class PhaseTwoHere {
  readonly #ports: PhaseTwoPorts;
  readonly #branches: readonly Prepared[];
  #openCount: number;
  #openEffects = 0;
  /** The last database, while the effects behind it are applied unasked. */
  #withheld: BranchSoFar | undefined;
  #listener: OverListener | undefined;
  #bound: Alarm | undefined;

  /** Made when the votes are handed over, of the branches that are prepared. */
  constructor(prepared: readonly BranchDriver[], ports: PhaseTwoPorts) {
    this.#ports = ports;
    this.#branches = prepared.map((driver) => new Prepared(driver));
    this.#openCount = prepared.length;
    for (const { isEffect } of prepared) if (isEffect) this.#openEffects += 1;
  }

  /** The branches that were prepared, as far as they have come. */
  get branches(): readonly BranchSoFar[] {
    return this.#branches;
  }

  /** A branch has ended, or an attempt has failed; told again, it says nothing new. */
  came(ended: BranchSoFar): void {
    const { id, result } = ended;
    const one = this.#branches.find((known) => known.id.branch === id.branch);
    if (one?.result === 'pending') this.#note(one, ended);
    const isAsExpected = result === 'committed';
    // Nothing is open but effects: the coordinator asks for them when it hears of the last database.
    const asks = this.#openCount > 0 && this.#openCount === this.#openEffects;
    if (asks && one?.driver.isEffect === false) {
      if (this.#applyUnasked()) this.#withheld = ended;
      else this.#ports.acknowledge(ended, true);
      return;
    }
    this.#ports.acknowledge(ended, !isAsExpected);
    if (this.#openCount === 0 || !isAsExpected) this.#release(!isAsExpected);
    if (this.#openCount === 0) this.#takeListener()?.over();
  }

  /** Tells when all have ended, or after a time, which may be none. */
  whenOver(limitMs: number, listener: OverListener): void {
    if (limitMs === 0 || this.#openCount === 0) return listener.over();
    this.#listener = listener;
    this.#bound = this.#ports.alarms.set(limitMs, () => this.#takeListener()?.over());
  }

  /** The session is lost, or this process leaves. */
  lost(): void {
    this.#takeListener()?.lost();
  }

  #note(one: Prepared, { result, reason }: BranchSoFar): void {
    one.result = result;
    one.reason = reason;
    if (result === 'pending') return;
    this.#openCount -= 1;
    if (one.driver.isEffect) this.#openEffects -= 1;
  }

  /** False where the coordinator has to say what becomes of the effects. */
  #applyUnasked(): boolean {
    const place = this.#branches.find(({ driver }) => driver.place)?.driver.place;
    const mayApply = this.#branches.every(({ driver, result }) => {
      return driver.isEffect ? driver.mayApply : result === 'committed';
    });
    if (!place || !mayApply) return false;
    for (const { driver } of this.#branches) if (driver.isEffect) driver.apply(place);
    return true;
  }

  #release(isUrgent: boolean): void {
    const withheld = this.#withheld;
    this.#withheld = undefined;
    if (withheld) this.#ports.acknowledge(withheld, isUrgent);
  }

  #takeListener(): OverListener | undefined {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#bound?.cancel();
    return listener;
  }
}

import type { CoordinatorFrame, Outcome } from '@unanimous/proto';
import type { Marks } from './marks.ts';

/** What a piece of work must show when its transaction is committed. */
export interface Group {
  readonly rm: string;
  /** Unique over the whole run. */
  readonly rows: number[];
  /** The caller has heard that it is done, so a commit includes it; else all of it or nothing. */
  isFirm: boolean;
}

/** All that is known of one transaction, over all processes. */
export interface Fact {
  readonly gid: string;
  /** Number in the plan; several tries share one. */
  readonly number: number;
  readonly begunAtMs: number;
  /** The gid that its client was shown at the end: what can be asked for. */
  shownGid: string;
  readonly groups: Group[];
  toldCommittedMs: number | undefined;
  /** A branch was ordered to commit what it has prepared. */
  isOrdered: boolean;
  toldAborted: boolean;
  toldExpired: boolean;
  /** Started a statement that nobody awaited before the commit was asked for. */
  mustAbort: boolean;
  /** The client was left with `unknown`. */
  wasUnknown: boolean;
  /** Native branches that committed, or were rolled back though prepared, as ordered. */
  committedIn: readonly string[];
  rolledBackIn: readonly string[];
  /** Where the resource manager went back in time: what is lost there is nobody's fault. */
  restoredIn: readonly string[];
  /** Where people ended a branch, and how. */
  byHand: readonly { readonly rm: string; readonly fate: 'committed' | 'rolled-back' }[];
  /** Where the receipt could not tell. */
  unknownIn: readonly string[];
  /** Place of its decision, as effects carry it. */
  place: { readonly epoch: number; readonly seq: number } | undefined;
}

/** Of most transactions most lists stay empty, and share one. */
const none: readonly never[] = [];

/** The decision, as far as anybody can tell when all is over. */
export function isCommitted({ toldCommittedMs, isOrdered, committedIn }: Fact): boolean {
  return toldCommittedMs !== undefined || isOrdered || committedIn.length > 0;
}

/** Somebody has ended the transaction's branch there by hand. */
export function byHandIn({ byHand }: Fact, rm: string): boolean {
  return byHand.some((one) => one.rm === rm);
}

/** What was promised to whom, and what resource managers did; speaks up where the two differ. */
export class Ledger {
  readonly facts = new Map<string, Fact>();
  /** Those of which people have ended a branch. */
  readonly endedByHand = new Set<Fact>();
  /** Transactions that an old log has spoken of, while it stood in the true one's place. */
  readonly strays = new Set<string>();
  readonly violations: string[] = [];
  readonly #marks: Marks;
  readonly #nowMs: () => number;
  readonly #rm15: (gid: string) => string | undefined;
  readonly #mayRepeat: boolean;
  #rows = 0;

  constructor(options: {
    readonly marks: Marks;
    readonly nowMs: () => number;
    /** Names a database in which a branch of the transaction is still prepared. */
    readonly preparedIn: (gid: string) => string | undefined;
    /** An old log runs for a while, which has not heard of the gids that it gives out. */
    readonly mayRepeat: boolean;
  }) {
    this.#marks = options.marks;
    this.#nowMs = options.nowMs;
    this.#rm15 = options.preparedIn;
    this.#mayRepeat = options.mayRepeat;
  }

  newRow(): number {
    this.#rows += 1;
    return this.#rows;
  }

  violate(rule: string, what: string): void {
    if (this.violations.length < 10) this.violations.push(`${rule}: ${what}`);
  }

  begun(gid: string, number: number): Fact {
    // What an old log gives out after the true one has given it before belongs to neither.
    if (this.facts.has(gid)) this.strays.add(gid);
    if (this.facts.has(gid) && !this.#mayRepeat) this.violate('gid', `${gid} was given out twice`);
    const fact: Fact = {
      gid,
      number,
      begunAtMs: this.#nowMs(),
      shownGid: gid,
      groups: [],
      toldCommittedMs: undefined,
      isOrdered: false,
      toldAborted: false,
      toldExpired: false,
      mustAbort: false,
      wasUnknown: false,
      committedIn: none,
      rolledBackIn: none,
      restoredIn: none,
      byHand: none,
      unknownIn: none,
      place: undefined,
    };
    this.facts.set(gid, fact);
    return fact;
  }

  group(fact: Fact, rm: string, count: number): Group {
    const rows: number[] = [];
    for (let n = 0; n < count; n++) rows.push(this.newRow());
    const group = { rm, rows, isFirm: false };
    fact.groups.push(group);
    return group;
  }

  /** Every answer that any coordinator ever gave counts, heard or not. */
  frame(frame: CoordinatorFrame): void {
    for (const outcome of frame.outcomes) this.answered(outcome);
    for (const { gid, kind } of frame.commits) {
      const fact = this.facts.get(gid);
      if (fact && (kind === 'COMMIT_PREPARED' || kind === 'APPLY')) fact.isOrdered = true;
    }
  }

  answered({ gid, kind }: Pick<Outcome, 'gid' | 'kind'>): void {
    if (kind === 'OUTCOME_COMMITTED') this.told(gid, 'committed');
    else if (kind === 'OUTCOME_ABORTED') this.told(gid, 'aborted');
    else if (kind === 'OUTCOME_EXPIRED') this.told(gid, 'expired');
  }

  told(gid: string, what: 'committed' | 'aborted' | 'expired'): void {
    const fact = this.facts.get(gid);
    if (!fact) return;
    if (what === 'expired') {
      fact.toldExpired = true;
      this.#marks.hit('tx.expired');
    } else if (what === 'committed') fact.toldCommittedMs ??= this.#nowMs();
    else fact.toldAborted = true;
    this.#agree(fact);
  }

  /** A native branch has committed, by order or by hand. */
  committed(gid: string, rm: string, isByHand: boolean): void {
    const fact = this.facts.get(gid);
    if (!fact) return;
    if (isByHand) this.#byHand(fact, rm, 'committed');
    else if (!fact.restoredIn.includes(rm)) fact.committedIn = [...fact.committedIn, rm];
    this.#agree(fact);
  }

  /** A prepared branch was rolled back. */
  rolledBack(gid: string, rm: string, isByHand: boolean): void {
    const fact = this.facts.get(gid);
    if (!fact) return;
    if (isByHand) this.#byHand(fact, rm, 'rolled-back');
    else if (!fact.restoredIn.includes(rm)) fact.rolledBackIn = [...fact.rolledBackIn, rm];
    else if (this.strays.has(gid)) return;
    else if (fact.toldCommittedMs !== undefined || fact.committedIn.length > 0) {
      this.violate('rule 8', `${rm} was restored, and rolled back ${gid}, which is committed`);
    }
    this.#agree(fact);
  }

  #byHand(fact: Fact, rm: string, fate: 'committed' | 'rolled-back'): void {
    fact.byHand = [...fact.byHand, { rm, fate }];
    this.endedByHand.add(fact);
  }

  /** A resource manager has gone back behind what it did for a transaction. */
  restored(fact: Fact, rm: string): void {
    fact.restoredIn = [...fact.restoredIn, rm];
    fact.committedIn = fact.committedIn.filter((one) => one !== rm);
    fact.rolledBackIn = fact.rolledBackIn.filter((one) => one !== rm);
  }

  /** An effect of a logged branch was applied. */
  applied(gid: string, rm: string, place: { readonly epoch: number; readonly seq: number }): void {
    const fact = this.facts.get(gid);
    if (!fact || this.strays.has(gid)) return;
    if (fact.place && (fact.place.epoch !== place.epoch || fact.place.seq !== place.seq)) {
      this.violate('rule 14', `effects of ${gid} come with two places`);
    }
    fact.place = place;
    fact.committedIn = [...fact.committedIn, rm];
    const open = this.#rm15(gid);
    if (open !== undefined && !fact.restoredIn.includes(open)) {
      this.violate('rule 15', `an effect of ${gid} went out while ${open} was only prepared`);
    }
    this.#agree(fact);
  }

  /** AC1 and AC2: nobody contradicts anybody. A transaction that wrote nothing has no outcome. */
  #agree(fact: Fact): void {
    if (this.strays.has(fact.gid)) return;
    const { gid, groups, toldCommittedMs, toldAborted, committedIn, rolledBackIn } = fact;
    const hasWritten = committedIn.length > 0 || groups.some((g) => g.isFirm && g.rows.length > 0);
    if (!hasWritten) return; // the commit of what only read may be answered aborted after a restart
    const isTold = toldCommittedMs !== undefined;
    // One phase, and its database has gone back behind it: whoever looks there says what is true now.
    const isGone = groups.every(({ rm, rows }) => !rows.length || fact.restoredIn.includes(rm));
    if (isTold && toldAborted && !isGone) {
      this.violate('AC2', `both committed and aborted were answered for ${gid}`);
    }
    const [one] = committedIn;
    const [other] = rolledBackIn;
    if (one !== undefined && other !== undefined) {
      this.violate('AC1', `${one} has committed ${gid}, and ${other} has rolled it back`);
    } else if (one !== undefined && toldAborted) {
      this.violate('AC1', `aborted was answered for ${gid}, and ${one} has committed it`);
    } else if (other !== undefined && isTold) {
      this.violate('AC1', `committed was answered for ${gid}, and ${other} has rolled it back`);
    } else if (isTold && fact.mustAbort) {
      this.violate('AC3', `${gid} was committed with a statement that nobody awaited`);
    }
  }
}

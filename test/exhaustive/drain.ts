import { type Acts, encodeAct } from './acts.ts';
import { outcomeOf } from '../../coordinator/src/protocol/answers.ts';
import type { Transaction } from '../../coordinator/src/protocol/transaction.ts';
import { outstanding } from '../../coordinator/src/protocol/step.ts';
import { rmName } from './coordinator-cell.ts';
import { entry, held, heldByHand, heldWentBack, late, type Slot, word } from './layout.ts';
import { ends } from './manager-acts.ts';
import { StateSet } from './state-set.ts';
import { strangerIn, violationIn } from './invariants.ts';
import type { World } from './world.ts';

/** More steps than any run without faults needs. */
const mostSteps = 2_000;

/**
 * Liveness: from a state on nothing fails any more, and everything must come to its end. Which way it
 * comes there is fixed, so that a state from which it was seen once need not be looked at again.
 */
export class Drain {
  /** How many runs were made. */
  count = 0;
  /** The acts of the last run. */
  readonly path: number[] = [];
  readonly #acts: Acts;
  readonly #seen = new StateSet();
  readonly #from: Uint16Array;
  readonly #order: readonly number[];
  readonly #scans: readonly number[];
  #stranger: string | undefined;

  constructor(acts: Acts) {
    this.#acts = acts;
    this.#from = acts.world.s.slice();
    this.#order = orderOf(acts);
    this.#scans = [...acts.world.layout.sites.keys()].map((site) => encodeAct('scan', site, 3));
  }

  /** What is left undone, in words; undefined when all is well. */
  run(from: Uint16Array): string | undefined {
    const { world } = this.#acts;
    world.s.set(from);
    this.#from.set(from);
    this.path.length = 0;
    this.#stranger = undefined;
    const way = this.#settle(true);
    if (this.#stranger !== undefined) return this.#stranger;
    if (way === 'known') return undefined;
    if (way === 'endless') return 'liveness: it goes on for ever without an end';
    this.count += 1;
    for (let round = 0; round < 2; round += 1) {
      for (const scan of this.#scans) if (this.#acts.perform(scan)) this.path.push(scan);
      this.#settle(false);
      if (this.#stranger !== undefined) return this.#stranger;
    }
    return violationIn(world) ?? this.#leftUndone();
  }

  /** Goes on until nothing happens; `known`: this way was gone before. */
  #settle(mayStop: boolean): 'rested' | 'known' | 'endless' {
    const { pairs } = this.#acts.world;
    for (let steps = 0; steps < mostSteps; steps += 1) {
      if (mayStop && !this.#seen.add(pairs)) return this.#isCircle() ? 'endless' : 'known';
      const next = this.#order.find((code) => this.#acts.perform(code));
      if (next === undefined) return 'rested';
      this.path.push(next);
      // At the end it would be over.
      this.#stranger = strangerIn(this.#acts.world);
      if (this.#stranger !== undefined) return 'rested';
    }
    return 'endless';
  }

  /** Whether this run itself was here before; found out by going its way again. */
  #isCircle(): boolean {
    const { s } = this.#acts.world;
    if (this.path.length < 2) return this.path.length === 1 && isSame(this.#from, s);
    const end = s.slice();
    s.set(this.#from);
    const isBack = this.path.some((code) => {
      if (isSame(s, end)) return true;
      this.#acts.perform(code);
      return false;
    });
    s.set(end);
    return isBack;
  }

  #leftUndone(): string | undefined {
    const { world } = this.#acts;
    if (world.layout.desks.some(({ up }) => world.at(up) === 2)) return undefined; // it stopped, and says so
    for (let tx = 0; tx < world.layout.txs.length; tx += 1) {
      const state = world.coordinator.tx(world.at(world.txWords(tx).tx));
      if (state === undefined) continue;
      if (outcomeOf(state).is === 'undecided') {
        const isStuck = state.branches.some((b) => ['heuristic', 'resolved'].includes(b.state.is));
        if (!isStuck) return `liveness: the transaction stays ${state.phase} for ever`;
      }
      const [owed] = outstanding(state);
      if (owed) return `liveness: ${owed.kind} of ${owed.branch.rm} is never acknowledged`;
    }
    const newest = newestPlace(world);
    if (world.variant.places && world.at(word.value) !== newest) {
      return `rule 14: the target shows the value of place ${world.at(word.value)}, the newest is ${newest}`;
    }
    for (const slot of world.layout.slots) {
      const left = this.#leftIn(slot);
      if (left !== undefined) return left;
    }
    return this.#driversLeft();
  }

  #hasVoted({ number }: Slot, tx: Transaction | undefined): boolean {
    const branch = this.#acts.world.at(number);
    // An abort that came back with the log is as good as presumed: nobody is told it again.
    const isPresumed = tx?.phase === 'aborted' && tx.branches.every(({ session }) => session === 0);
    if (isPresumed) return false;
    return tx?.branches.some((b) => b.branch === branch && b.receipt !== '') === true;
  }

  /** It did not follow, and an operator is to look at it or has spoken. */
  #isOperators({ tx, number }: Slot): boolean {
    const { world } = this.#acts;
    const state = world.coordinator.tx(world.at(world.txWords(tx).tx));
    const branch = state?.branches.find((b) => b.branch === world.at(number));
    // The others wait for what an operator will say of the branch that decides.
    const waits = state?.phase === 'delegated' && branch?.state.is === 'yes';
    if (waits) return state.branches.some((b) => b.state.is === 'heuristic');
    return branch?.state.is === 'heuristic' || branch?.state.is === 'resolved';
  }

  #leftIn(slot: Slot): string | undefined {
    const { world } = this.#acts;
    const bits = world.at(slot.held);
    const state = bits & 7;
    const tx = world.coordinator.tx(world.at(world.txWords(slot.tx).tx));
    const isOperators = this.#isOperators(slot);
    if (state === held.open && world.at(slot.late) === late.none) {
      return `liveness: the work in ${rmName(slot.rm)} stays open for ever`;
    }
    if (state === held.prepared && !isOperators && (bits & heldWentBack) === 0) {
      return `liveness: ${rmName(slot.rm)} stays prepared for ever`;
    }
    const unwritten = this.#unwritten(slot);
    if (unwritten !== undefined) return unwritten;
    if (isOperators) return undefined;
    const isCommitted = tx !== undefined && outcomeOf(tx).is === 'committed';
    // Whoever never voted yes left no receipt here, and an answer to an abort is not asked for again.
    const isByHand = (bits & heldByHand) !== 0 && this.#hasVoted(slot, tx);
    if (isByHand && isCommitted !== (state === held.committed)) {
      return `${rmName(slot.rm)} was ended by hand against the decision, and nobody reports it`;
    }
    if (slot.kind === 'logged' && tx?.phase === 'committed' && tx.branches.length > 0) {
      if (state !== held.committed) return `the effect in ${rmName(slot.rm)} was lost`;
    }
    return undefined;
  }

  /** What the audit table should say, and what it says that nobody has told the coordinator. */
  #unwritten(slot: Slot): string | undefined {
    const { world } = this.#acts;
    if (!world.variant.audits) return undefined;
    const audit = world.at(slot.audit) & 3;
    const tx = world.coordinator.tx(world.at(world.txWords(slot.tx).tx));
    const branch = tx?.branches.find((b) => b.branch === world.at(slot.number));
    const isFound = branch?.state.is === 'heuristic' && branch.state.result !== 'unknown';
    if (isFound && audit === entry.none) {
      return `rule 13: ${rmName(slot.rm)} was ended by hand, and has no entry of it`;
    }
    const isCommitted = (world.at(slot.held) & 7) === held.committed;
    const isAborted = tx === undefined || outcomeOf(tx).is === 'aborted';
    if (audit === entry.committed && isCommitted && isAborted && !this.#isOperators(slot)) {
      return `rule 13: ${rmName(slot.rm)} has an entry that it was committed, and nobody reports it`;
    }
    return undefined;
  }

  /** A branch that is over must leave nothing behind in its process. */
  #driversLeft(): string | undefined {
    const { world } = this.#acts;
    for (const [site, row] of world.layout.drivers.entries()) {
      for (const [slot, offset] of row.entries()) {
        if (offset < 0 || world.at(offset) === 0) continue;
        const { at } = world.branches.state(world.at(offset));
        const isAsked = (world.at(world.slot(slot).held) & 7) === held.prepared;
        if (!isAsked && !this.#isOperators(world.slot(slot)))
          return `liveness: process ${site + 1} keeps a branch that is ${at}`;
      }
    }
    return undefined;
  }
}

/** The place of the newest decision. */
function newestPlace(world: World): number {
  const entries = world.coordinator.log.entries(world.at(world.desk.log), 'all');
  return 1 + entries.findLastIndex((e) => e.records.some((r) => r.kind === 'commit-decided'));
}

function isSame(a: Uint16Array, b: Uint16Array): boolean {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/** What happens first: messages and answers, then sessions, then timers. */
function orderOf({ world }: Acts): number[] {
  const desks = [...world.layout.desks.keys()];
  const sites = [...world.layout.sites.keys()];
  const slots = [...world.layout.slots.keys()];
  const pairs = sites.flatMap((site) => {
    return slots.filter((slot) => world.driver(site, slot) >= 0).map((slot) => (site << 2) | slot);
  });
  const txs = [...world.layout.txs.keys()];
  return [
    ...desks.map((index) => encodeAct('restart', 0, index)),
    ...desks.map((index) => encodeAct('log-answers', 0, index)),
    ...sites.map((site) => encodeAct('deliver-down', site)),
    ...sites.map((site) => encodeAct('deliver-up', site)),
    ...pairs.map((pair) => encodeAct('operation', pair, ends.well)),
    ...slots.map((slot) => encodeAct('late', slot, 1)),
    ...sites.flatMap((site) => [encodeAct('scan', site, 0), encodeAct('scan-asks', site)]),
    ...slots.map((slot) => encodeAct('handler-ends', slot)),
    ...sites.map((site) => encodeAct('coordinator-loses', site)),
    ...sites.map((site) => encodeAct('participant-loses', site)),
    ...sites.map((site) => encodeAct('connect', site)),
    ...pairs.map((pair) => encodeAct('retry', pair)),
    ...txs.map((tx) => encodeAct('hand-over', tx)),
    ...txs.map((tx) => encodeAct('let-go', tx)),
    ...txs.map((tx) => encodeAct('commit-arrives', tx)),
    ...txs.map((tx) => encodeAct('deadline', tx)),
    ...pairs.map((pair) => encodeAct('participant-deadline', pair)),
  ];
}

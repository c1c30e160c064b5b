import type {
  BranchInput,
  FinishingOrder,
} from '../../participant-sdk/src/protocol/branch-state.ts';
import { receiptOf } from '../../participant-sdk/src/protocol/branch-orders.ts';
import { why } from './coordinator-cell.ts';
import {
  entry,
  entryIsAhead,
  held,
  heldByHand,
  heldForgotten,
  heldHalf,
  heldWentBack,
  late,
  type Slot,
  word,
  wordFollowed,
  work,
} from './layout.ts';
import type { Operation, World } from './world.ts';

type Result = Extract<BranchInput, { readonly kind: 'finished' }>['result'];

const finishedNames = {
  committed: 'finished committed',
  'rolled-back': 'finished rolled-back',
  unknown: 'finished unknown',
} as const;

/** How an operation ends. */
export const ends = { well: 0, refused: 1, unanswered: 2 } as const;

/**
 * Honest resource managers, as the adapters use them: what is prepared is durable, a receipt tells
 * what became of a transaction, and a statement may land after its client has died.
 */
export class ManagerActs {
  readonly #world: World;
  readonly #inputs = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Answers that say nothing of their own are looked up once. */
  #input(name: string, input: BranchInput): number {
    const known = this.#inputs.get(name);
    if (known !== undefined) return known;
    const id = this.#world.branches.inputs.id(input);
    this.#inputs.set(name, id);
    return id;
  }

  #finished(result: Result['result']): number {
    const given = result === 'unknown' ? { result, reason: why } : { result };
    return this.#input(finishedNames[result], { kind: 'finished', result: given });
  }

  #failed(): number {
    return this.#input('failed', { kind: 'failed', cause: why });
  }

  #set(slot: Slot, state: number): void {
    const { s } = this.#world;
    s[slot.held] = ((s[slot.held] as number) & ~7) | state;
  }

  #is(slot: Slot): number {
    return this.#world.at(slot.held) & 7;
  }

  /** Executes it; answers the input that follows, or undefined when it cannot end so. */
  execute(index: number, operation: Operation, how: number): number | undefined {
    const slot = this.#world.slot(index);
    switch (operation.run) {
      case 'none':
        return undefined;
      case 'prepare':
      case 'ready':
        return this.#prepare(slot, operation.run, how);
      case 'rollback':
        if (how !== ends.well) return undefined;
        if (this.#is(slot) === held.open) this.#set(slot, held.aborted);
        return this.#input('rolled-back', { kind: 'rolled-back' });
      case 'commit-one-phase':
        return this.#commitOnePhase(slot, how);
      case 'commit-at-home':
        return this.#commitAtHome(slot, how);
      case 'finish':
        return this.#finish(slot, operation.order, how);
    }
  }

  #prepare(slot: Slot, run: 'prepare' | 'ready', how: number): number | undefined {
    if (how === ends.unanswered) return undefined;
    if (how === ends.refused) {
      if (!this.#world.variant.refusals) return undefined;
      if (slot.kind !== 'logged') this.#set(slot, held.aborted);
      return this.#input('refused', { kind: 'refused', reason: why });
    }
    if (slot.readOnly) {
      this.#set(slot, held.left);
      return this.#input('read-only', { kind: 'read-only' });
    }
    if (run === 'ready') return this.#input('readied', { kind: 'readied', receipt: 'r' });
    if (slot.kind === 'logged') {
      const redo = new Uint8Array(1);
      return this.#input('staged', { kind: 'prepared', receipt: '', redo });
    }
    this.#prepared(slot);
    const redo = new Uint8Array();
    return this.#input('prepared', { kind: 'prepared', receipt: 'r', redo });
  }

  #prepared(slot: Slot): void {
    const { s } = this.#world;
    this.#set(slot, held.prepared);
    if (s[slot.work] !== work.done) s[slot.held] = (s[slot.held] as number) | heldHalf;
  }

  #commitOnePhase(slot: Slot, how: number): number | undefined {
    if (how === ends.unanswered) {
      if (!this.#world.spend('failures')) return undefined;
      this.#world.s[slot.late] = late.commit;
      return this.#failed();
    }
    this.#set(slot, how === ends.well ? held.committed : held.aborted);
    return this.#finished(how === ends.well ? 'committed' : 'rolled-back');
  }

  /** Nobody has prepared it, and nobody has its receipt but who commits it. */
  #commitAtHome(slot: Slot, how: number): number | undefined {
    const { s, variant, without } = this.#world;
    if (how === ends.well) {
      this.#set(slot, slot.readOnly ? held.left : held.committed);
      return this.#finished('committed');
    }
    if (how === ends.refused) {
      if (!variant.refusals) return undefined;
      this.#set(slot, held.aborted);
      return this.#input('refused', { kind: 'refused', reason: why });
    }
    if (!this.#world.spend('failures')) return undefined;
    s[slot.late] = late.commit;
    if (without === '9-home') return this.#finished('rolled-back');
    return this.#input('lost', { kind: 'failed', cause: why, receipt: 'r' });
  }

  #finish(slot: Slot, order: FinishingOrder, how: number): number | undefined {
    if (how === ends.refused) return undefined;
    if (how === ends.unanswered) {
      if (!this.#world.spend('failures')) return undefined;
      if (order.kind === 'commit') this.#remember(slot);
      return this.#failed();
    }
    if (slot.kind === 'logged') return this.#apply(slot, order);
    const isPrepared = this.#is(slot) === held.prepared;
    const receipt = receiptOf(order);
    switch (order.kind) {
      case 'commit':
        if (!isPrepared) {
          if (receipt !== '') this.#found(slot, held.aborted);
          return this.#settle(slot, receipt);
        }
        this.#remember(slot);
        this.#set(slot, held.committed);
        return this.#finished('committed');
      case 'abort':
        if (isPrepared) {
          this.#set(slot, held.aborted);
          return this.#finished('rolled-back');
        }
        if (receipt === '' || this.#world.without === '13-abort-receipt') {
          return this.#finished('rolled-back');
        }
        this.#found(slot, held.committed);
        return this.#settle(slot, receipt);
      case 'settle':
        return this.#settle(slot, receipt);
    }
  }

  /** As the driver does it: an end against the order is written down before it is told. */
  #found(slot: Slot, against: number): void {
    const isForgotten = (this.#world.at(slot.held) & heldForgotten) !== 0;
    if (this.#is(slot) !== against || isForgotten || this.#world.without === '13-found') return;
    this.writeDown(slot, against === held.committed ? 'committed' : 'rolled-back');
  }

  /** Writes an entry into the audit table; `bits` say what else is known of it. */
  writeDown(slot: Slot, result: 'committed' | 'rolled-back', bits = 0): void {
    const { s, variant } = this.#world;
    if (!variant.audits || slot.kind === 'logged') return;
    s[slot.audit] = (this.#world.at(slot.audit) & wordFollowed) | entry[result] | bits;
  }

  /** An operator's word is written down, and then followed. */
  noteWord(slot: Slot, verdict: 'commit' | 'abort', isFollowed: boolean): void {
    const { s, variant, without } = this.#world;
    if (!variant.audits) return;
    if (without !== '13-entry')
      this.writeDown(slot, verdict === 'commit' ? 'committed' : 'rolled-back');
    const isEnding = isFollowed && this.#is(slot) === held.prepared;
    if (isEnding) s[slot.audit] = this.#world.at(slot.audit) | wordFollowed;
  }

  /** What the receipt tells of a branch that is not prepared. */
  #settle(slot: Slot, receipt: string): number {
    const isForgotten = (this.#world.at(slot.held) & heldForgotten) !== 0;
    if (receipt === '' || isForgotten) return this.#finished('unknown');
    switch (this.#is(slot)) {
      case held.open:
      case held.prepared:
        return this.#failed();
      case held.committed:
        return this.#finished('committed');
      default:
        return this.#finished('rolled-back');
    }
  }

  #apply(slot: Slot, order: FinishingOrder): number {
    if (order.kind === 'abort') return this.#finished('rolled-back');
    // A payload that was lost on the way does nothing; whoever sent it believes that it did.
    if (order.kind === 'commit' && order.facts.redo.byteLength > 0) {
      this.#set(slot, held.committed);
      if (this.#world.variant.places) this.#overwrite(order.facts.seq);
    }
    return this.#finished(order.kind === 'commit' ? 'committed' : 'unknown');
  }

  /** A target that keeps the higher place (PROTOCOL rule 14). */
  #overwrite(seq: number): void {
    const { s, without } = this.#world;
    if (without === '14-place' || seq > (s[word.value] as number)) s[word.value] = seq;
  }

  /** It keeps the log's position before it commits (PROTOCOL rule 17). */
  #remember(slot: Slot): void {
    const { s, variant, desk } = this.#world;
    if (variant.restored === 'log') s[this.#world.site(slot.site).seen] = s[desk.log] as number;
  }

  /** Its client is dead: what was sent may still land, and what was open is dropped. */
  abandon(site: number, index: number): void {
    const { s, variant } = this.#world;
    const slot = this.#world.slot(index);
    if (slot.kind === 'logged' || slot.site !== site || this.#is(slot) !== held.open) return;
    const { run } = this.#world.operation(site, index);
    if (run === 'prepare') s[slot.late] = late.prepare;
    else if (run === 'commit-one-phase' || run === 'commit-at-home') s[slot.late] = late.commit;
    else if (variant.sites[site]?.canOnePhase) s[slot.late] = late.drop;
    else this.#set(slot, held.aborted);
  }

  /** The statement of a dead client lands, or its connection is dropped first. */
  lateEnds(index: number, lands: boolean): boolean {
    const { s } = this.#world;
    const slot = this.#world.slot(index);
    const statement = s[slot.late];
    if (statement === late.none || (statement === late.drop && !lands)) return false;
    s[slot.late] = late.none;
    if (!lands || statement === late.drop) this.#set(slot, held.aborted);
    else if (statement === late.commit) this.#set(slot, held.committed);
    else this.#prepared(slot);
    return true;
  }

  /** Somebody writes down what they are about to do to a prepared branch. */
  announce(index: number, commits: boolean): boolean {
    const slot = this.#world.slot(index);
    if (!this.#world.variant.audits || !this.#isAtRest(index, slot)) return false;
    if (!this.#world.spend('hands')) return false;
    this.writeDown(slot, commits ? 'committed' : 'rolled-back', entryIsAhead);
    return true;
  }

  /** People look at what stays prepared: at what nobody works on. */
  #isAtRest(index: number, slot: Slot): boolean {
    if (slot.kind === 'logged' || this.#is(slot) !== held.prepared) return false;
    return this.#world.operation(slot.site, index).run === 'none';
  }

  /** Somebody ends a prepared branch by hand, as announced or without a word. */
  byHand(index: number, commits: boolean): boolean {
    const { s } = this.#world;
    const slot = this.#world.slot(index);
    if (!this.#isAtRest(index, slot)) return false;
    const audit = this.#world.at(slot.audit);
    const announced = entryIsAhead | entry[commits ? 'committed' : 'rolled-back'];
    if ((audit & ~wordFollowed) === announced) s[slot.audit] = audit & ~entryIsAhead;
    else if (!this.#world.spend('hands')) return false;
    this.#set(slot, commits ? held.committed : held.aborted);
    s[slot.held] = (s[slot.held] as number) | heldByHand;
    return true;
  }

  /** The resource manager forgets what became of a branch of one phase. */
  forgetReceipt(index: number): boolean {
    const { s, variant } = this.#world;
    const slot = this.#world.slot(index);
    const isOver = this.#is(slot) === held.committed || this.#is(slot) === held.aborted;
    if (!isOver || !variant.sites[slot.site]?.canOnePhase) return false;
    if (!this.#world.spend('hands')) return false;
    s[slot.held] = (s[slot.held] as number) | heldForgotten;
    return true;
  }

  /** It is brought back to a moment at which the branch was prepared. */
  restore(index: number): boolean {
    const { s } = this.#world;
    const slot = this.#world.slot(index);
    if (slot.kind === 'logged' || this.#is(slot) !== held.committed) return false;
    if (!this.#world.spend('restores')) return false;
    this.#set(slot, held.prepared);
    s[slot.held] = (s[slot.held] as number) | heldWentBack;
    return true;
  }

  wentBack(slot: Slot): boolean {
    return (this.#world.at(slot.held) & heldWentBack) !== 0;
  }
}

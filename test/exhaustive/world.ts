import type { FinishingOrder } from '../../participant-sdk/src/protocol/branch-state.ts';
import { BranchCell } from './branch-cell.ts';
import { Interner } from './canonical.ts';
import { CoordinatorCell, sessionBase, sessionNumber } from './coordinator-cell.ts';
import { budgetNames, type Desk, type Layout, layoutOf, type Slot } from './layout.ts';
import { type Down, Mail, type Up } from './messages.ts';
import type { Budgets, Variant } from './variant.ts';
import type { RuleName } from './without.ts';

/** What a participant waits for of its resource manager. */
export type Operation =
  | { readonly run: 'none' | 'prepare' | 'ready' | 'rollback' }
  | { readonly run: 'commit-one-phase' | 'commit-at-home' }
  | { readonly run: 'finish'; readonly order: FinishingOrder };

/**
 * A small world in one state: a row of numbers, most of which stand for a value that was met. What
 * can happen in it is in `acts.ts`; what it means is in the cells.
 */
export class World {
  readonly variant: Variant;
  readonly without: RuleName | undefined;
  readonly layout: Layout;
  /** The state. */
  readonly s: Uint16Array;
  /** The same memory, two words at once. */
  readonly pairs: Uint32Array;
  readonly down = new Mail<Down>({ kind: 'served' });
  readonly up = new Mail<Up>({ kind: 'enlist', slot: 0 });
  readonly operations = new Interner<Operation>({ run: 'none' });
  readonly coordinator: CoordinatorCell;
  readonly branches: BranchCell;
  /** The coordinator whose turn it is. */
  desk: Desk;

  constructor(variant: Variant, without?: RuleName) {
    this.variant = variant;
    this.without = without;
    this.layout = layoutOf(variant);
    this.s = new Uint16Array(this.layout.words);
    this.pairs = new Uint32Array(this.s.buffer);
    this.coordinator = new CoordinatorCell(variant, without, this.down);
    this.branches = new BranchCell(without);
    this.desk = this.layout.desks[0] as Desk;
    this.#begin();
  }

  /** Everybody is connected, and the transactions have begun. */
  #begin(): void {
    const { s, layout, variant } = this;
    for (const { up } of layout.desks) s[up] = 1;
    for (const name of budgetNames) s[layout.budget[name]] = variant.budgets[name];
    for (const [index, { tx, reserved }] of layout.txs.entries()) {
      if (variant.whole) s[reserved] = 1;
      else s[tx] = this.coordinator.begun(index);
    }
    for (const { session } of layout.sites) s[session] = 3 | (1 << 2);
  }

  at(offset: number): number {
    return this.s[offset] as number;
  }

  slot(index: number): Slot {
    return this.layout.slots[index] as Slot;
  }

  site(index: number) {
    return this.layout.sites[index] as Layout['sites'][number];
  }

  txWords(index: number) {
    return this.layout.txs[index] as Layout['txs'][number];
  }

  /** The coordinator whose turn it is, is up. */
  isUp(): boolean {
    return this.s[this.desk.up] === 1;
  }

  turnTo(coordinator: number): void {
    this.desk = this.layout.desks[coordinator] as Desk;
  }

  /** It is the turn of the coordinator of a site. */
  turnToSite(site: number): void {
    this.turnTo(this.variant.sites[site]?.coordinator ?? 0);
  }

  /** It is the turn of the coordinator that began a transaction. */
  turnToTx(tx: number): void {
    this.turnToSite(this.variant.plans[tx]?.[0] ?? 0);
  }

  /** Whether the coordinator whose turn it is began a transaction. */
  isOwn(tx: number): boolean {
    return this.desk.txs.includes(tx);
  }

  /** Spends one of a budget; false when nothing of it is left. */
  spend(name: keyof Budgets): boolean {
    const offset = this.layout.budget[name];
    const left = this.at(offset);
    if (left === 0) return false;
    this.s[offset] = left - 1;
    return true;
  }

  left(name: keyof Budgets): number {
    return this.at(this.layout.budget[name]);
  }

  coordinatorHolds(site: number): boolean {
    return (this.at(this.site(site).session) & 1) !== 0;
  }

  participantHolds(site: number): boolean {
    return (this.at(this.site(site).session) & 2) !== 0;
  }

  generation(site: number): number {
    return this.at(this.site(site).session) >> 2;
  }

  sessionOf(site: number): number {
    return sessionNumber(site, this.generation(site));
  }

  /** On which session of the coordinator whose turn it is each site is served, as one number. */
  serving(): number {
    let key = 0;
    let factor = 1;
    for (let site = 0; site < this.layout.sites.length; site += 1) {
      const isOwn = this.desk.sites.includes(site);
      if (isOwn && this.coordinatorHolds(site)) key += this.generation(site) * factor;
      factor *= sessionBase;
    }
    return key;
  }

  /** To the participant, if its stream is open. */
  sendDown(site: number, message: number): void {
    const { session, down } = this.site(site);
    if ((this.at(session) & 3) === 3) this.s[down] = this.down.push(this.at(down), message);
  }

  /** To the coordinator, if the stream is open; otherwise it is lost. */
  sendUp(site: number, message: number): void {
    const { session, up } = this.site(site);
    if ((this.at(session) & 3) === 3) this.s[up] = this.up.push(this.at(up), message);
  }

  /** The slot of a branch that the coordinator numbered, of the manager of a site; or -1. */
  slotOf(site: number, tx: number, branch: number): number {
    const { slots } = this.layout;
    for (let i = 0; i < slots.length; i += 1) {
      const slot = slots[i] as Slot;
      if (slot.tx !== tx || this.s[slot.number] !== branch) continue;
      if (this.driver(site, i) >= 0) return i;
    }
    return -1;
  }

  /** Hands an input to the participant's machine; its effects are the caller's to run. */
  stepBranch(site: number, slot: number, input: number): readonly number[] {
    const offset = this.driver(site, slot);
    const move = this.branches.step(this.at(offset), input);
    this.s[offset] = move.branch;
    return move.effects;
  }

  driver(site: number, slot: number): number {
    return this.layout.drivers[site]?.[slot] as number;
  }

  operation(site: number, slot: number): Operation {
    return this.operations.value(this.at(this.driver(site, slot) + 1));
  }

  setOperation(site: number, slot: number, operation: number): void {
    this.s[this.driver(site, slot) + 1] = operation;
  }
}

import {
  voteMessage,
  acknowledgement,
  orderOfVerdict,
} from '../../participant-sdk/src/participant/wire.ts';
import { readResult, readVote } from '../../coordinator/src/sessions/read-messages.ts';
import type {
  BranchEffect,
  BranchInput,
  BranchResult,
} from '../../participant-sdk/src/protocol/branch-state.ts';
import { gidOf, rmName, why } from './coordinator-cell.ts';
import { entry, held, reply, type Slot, told, work } from './layout.ts';
import { ManagerActs } from './manager-acts.ts';
import type { Down, Up } from './messages.ts';
import type { WholeActs } from './whole-acts.ts';
import type { World } from './world.ts';

const facts = { receipt: '', redo: new Uint8Array(1), epoch: 1, seq: 1, lowWaterSeq: 0 };
const orderToApply = { kind: 'commit', facts, asker: 'decision' } as const;

type Inputs = ReturnType<typeof inputsOf>;

/** The inputs that carry nothing of their own, by number. */
function inputsOf(world: World) {
  const id = (input: BranchInput) => world.branches.inputs.id(input);
  const prepare = { kind: 'prepare', work: false } as const;
  return {
    opened: id({ kind: 'opened' }),
    sessionOpened: id({ kind: 'session-opened' }),
    sessionLost: id({ kind: 'session-lost', reason: why }),
    deadline: id({ kind: 'deadline-passed', reason: why }),
    retry: id({ kind: 'retry' }),
    apply: id({ kind: 'order', order: orderToApply }),
    decidedElsewhere: id({ kind: 'decided-elsewhere' }),
    commit: id({ kind: 'order', order: orderOfVerdict('commit') }),
    abort: id({ kind: 'order', order: orderOfVerdict('abort') }),
    prepare: [
      id({ ...prepare, onePhase: false }),
      id({ ...prepare, onePhase: true }),
      id({ ...prepare, onePhase: false, obstacle: why }),
      id({ ...prepare, onePhase: true, obstacle: why }),
    ],
  } as const;
}

/** The participant's driver: messages and answers go to the machine, its effects are run. */
export class ParticipantActs {
  readonly #world: World;
  readonly #manager: ManagerActs;
  readonly #inputs: Inputs;
  /** By effect, transaction and number: what it sends. */
  readonly #sent: number[][] = [];
  readonly #started: number[] = [];
  readonly #orders: number[] = [];
  readonly #messages: number[] = [];
  /** The clients in these processes; set by who makes both. */
  whole: WholeActs | undefined;

  constructor(world: World) {
    this.#world = world;
    this.#manager = new ManagerActs(world);
    this.#inputs = inputsOf(world);
  }

  /** A message by what it says; each is looked up once. */
  #up(key: number, make: () => Up): number {
    return (this.#messages[key] ??= this.#world.up.id(make()));
  }

  #input(site: number, slot: number, input: number): void {
    for (const id of this.#world.stepBranch(site, slot, input)) this.#run(site, slot, id);
  }

  /** Hands an input to a branch, as its process does. */
  input(site: number, slot: number, input: number): void {
    this.#input(site, slot, input);
  }

  #run(site: number, slot: number, id: number): void {
    const world = this.#world;
    const effect = world.branches.effect(id);
    switch (effect.run) {
      case 'vote':
      case 'acknowledge':
      case 'acknowledge-pending':
        world.sendUp(site, this.#messageOf(effect, id, slot));
        return;
      case 'tell-home':
        this.#tellHome(slot, effect.result.result);
        return;
      case 'forget':
      case 'retry-later':
      case 'keep-vote':
        return;
      default: {
        const offset = world.driver(site, slot) + 1;
        if (world.at(offset) !== 0) throw new Error('a branch has two operations at once');
        world.s[offset] = this.#started[id] ??= world.operations.id(effect);
      }
    }
  }

  /** The client hears of it, and of what nobody knows that nobody knows it. */
  #tellHome(slot: number, result: BranchResult['result']): void {
    const world = this.#world;
    const words = world.txWords(world.slot(slot).tx);
    const bit = { committed: told.committed, 'rolled-back': told.aborted, unknown: 0 }[result];
    world.s[words.told] = world.at(words.told) | bit;
  }

  /** As it travels and arrives: through the production codecs. */
  #messageOf(effect: BranchEffect, id: number, slotIndex: number): number {
    const { tx, rm, number } = this.#world.slot(slotIndex);
    const branch = this.#world.at(number);
    const row = (this.#sent[id] ??= []);
    return (row[tx * 16 + branch] ??= this.#encode(effect, { tx, rm, branch }));
  }

  #encode(
    effect: BranchEffect,
    { tx, rm, branch }: { readonly tx: number; readonly rm: number; readonly branch: number },
  ): number {
    const { up } = this.#world;
    const ref = { gid: gidOf(tx), branch, rm: rmName(rm) };
    if (effect.run === 'vote') {
      const wire = voteMessage({ ...ref, incarnation: 'i1' }, effect.vote);
      const vote = readVote(wire, 1_024);
      return up.id({ kind: 'vote', tx, branch, incarnation: wire.incarnation, vote });
    }
    const is = effect.run === 'acknowledge' ? effect.result.result : 'pending';
    const result = readResult(acknowledgement(ref, is, why));
    if (result === undefined) throw new Error(`no result in ${is}`);
    return up.id({ kind: 'result', tx, branch, result });
  }

  /** The client calls the next service, which enlists. */
  call(index: number): boolean {
    const world = this.#world;
    const { s } = world;
    const slot = world.slot(index);
    const { client } = world.txWords(slot.tx);
    if (s[client] !== slot.call || s[slot.work] !== work.none) return false;
    const isServed =
      world.participantHolds(slot.site) && world.at(world.site(slot.site).scan) !== 1;
    if (!isServed) return false;
    s[slot.work] = work.enlisting;
    const enlist = this.#up(index, () => ({ kind: 'enlist', slot: index }));
    world.sendUp(slot.site, enlist);
    if (world.without === '1-order') this.#answerCaller(slot);
    return true;
  }

  #answerCaller(slot: Slot): void {
    const { s } = this.#world;
    const { client } = this.#world.txWords(slot.tx);
    if (s[client] !== slot.call) return; // it has given up the call
    s[slot.reply] = reply.done;
    s[client] = slot.call + 1;
  }

  /** The client gives up a call and goes on without it. */
  callTimesOut(index: number): boolean {
    const world = this.#world;
    const { s } = world;
    const slot = world.slot(index);
    const { client } = world.txWords(slot.tx);
    if (s[client] !== slot.call || s[slot.work] === work.none) return false;
    if (!world.spend('timeouts')) return false;
    s[slot.reply] = reply.givenUp;
    s[client] = slot.call + 1;
    return true;
  }

  /** The second statement of a slow handler, and its answer. */
  handlerEnds(index: number): boolean {
    const world = this.#world;
    const slot = world.slot(index);
    if (world.at(slot.work) !== work.running) return false;
    world.s[slot.work] = work.done;
    this.#answerCaller(slot);
    return true;
  }

  /** Takes the oldest message of a session. */
  deliver(site: number): boolean {
    const world = this.#world;
    const { down } = world.site(site);
    const queue = world.at(down);
    if (queue === 0 || !world.participantHolds(site)) return false;
    const id = world.down.first(queue);
    world.s[down] = world.down.pop(queue);
    this.#receive(site, world.down.message(id), id);
    return true;
  }

  #receive(site: number, message: Down, id: number): void {
    switch (message.kind) {
      case 'served':
        return this.#served(site);
      case 'enlisted':
        return this.#enlisted(site, message.slot);
      case 'refused':
        this.#world.s[this.#world.slot(message.slot).work] = work.failed;
        return;
      case 'whole-refused':
        return this.whole?.refused(site, message.tx);
      case 'prepare':
        return this.#prepare(site, message);
      case 'order': {
        const slot = this.#world.slotOf(site, message.tx, message.branch);
        const { order } = message;
        this.#orders[id] ??= this.#world.branches.inputs.id({ kind: 'order', order });
        return this.#input(site, slot, this.#orders[id]);
      }
      case 'verdict':
        return this.#verdict(site, message);
    }
  }

  /** Votes are said again first; the scan comes after. */
  #served(site: number): void {
    const { slots, scan } = this.#world.site(site);
    const opened = this.#inputs.sessionOpened;
    const saysVotesAgain = this.#world.without !== '3-hello';
    for (const slot of slots) if (saysVotesAgain) this.#input(site, slot, opened);
    this.#world.s[scan] = 1;
  }

  #enlisted(site: number, index: number): void {
    const world = this.#world;
    const { s } = world;
    const slot = world.slot(index);
    if (s[slot.work] !== work.enlisting) return;
    if (slot.kind !== 'logged') s[slot.held] = held.open;
    s[slot.work] = work.running;
    this.#input(site, index, this.#inputs.opened);
    if (!world.variant.slowHandlers) this.handlerEnds(index);
  }

  #prepare(site: number, { tx, branch, onePhase }: Down & { kind: 'prepare' }): void {
    const world = this.#world;
    const index = world.slotOf(site, tx, branch);
    const isRunning = world.at(world.slot(index).work) === work.running;
    const isRefused = isRunning && world.without !== '2-whole';
    const { prepare } = this.#inputs;
    const id = prepare[(onePhase ? 1 : 0) + (isRefused ? 2 : 0)] as number;
    this.#input(site, index, id);
  }

  #verdict(site: number, message: Down & { kind: 'verdict' }): void {
    const world = this.#world;
    const { tx, branch, verdict, asked, audited, word: isWord } = message;
    if (verdict !== 'commit' && verdict !== 'abort') return;
    const slot = world.slotOf(site, tx, branch);
    const isHere = world.at(world.driver(site, slot)) !== 0;
    const isFollowed = asked || isHere;
    if (isWord) this.#manager.noteWord(world.slot(slot), verdict, isFollowed);
    else if (audited) return verdict === 'abort' ? this.#reportByHand(site, tx, branch) : undefined;
    if (!isFollowed) return;
    if (verdict === 'commit' && world.slot(slot).kind === 'logged') {
      if (isHere) this.#input(site, slot, this.#inputs.decidedElsewhere);
      return;
    }
    this.#input(site, slot, this.#inputs[verdict]);
  }

  /** It was committed by hand, as its entry says, and its transaction was aborted. */
  #reportByHand(site: number, tx: number, branch: number): void {
    const world = this.#world;
    const { rm = 0 } = world.variant.sites[site] ?? {};
    const ref = { gid: gidOf(tx), branch, rm: rmName(rm) };
    const result = readResult(acknowledgement(ref, 'committed', why));
    if (result) world.sendUp(site, world.up.id({ kind: 'result', tx, branch, result }));
  }

  /** The participant's side of a session breaks: what has not voted dies with it. */
  lose(site: number): boolean {
    const world = this.#world;
    if (!world.participantHolds(site)) return false;
    this.#dropSide(site);
    if (world.variant.whole) this.whole?.ended(site);
    for (const slot of world.site(site).slots) {
      this.#failWork(site, slot);
      if (world.without !== '2-incarnation') this.#input(site, slot, this.#inputs.sessionLost);
    }
    return true;
  }

  #dropSide(site: number): void {
    const { s } = this.#world;
    const { session, up, down, scan, audited } = this.#world.site(site);
    s[session] = (s[session] as number) & ~2;
    s[down] = 0;
    s[scan] = 0;
    s[audited] = 0;
    if (this.#world.at(session) % 4 === 0) s[up] = 0;
  }

  #failWork(site: number, index: number): void {
    const { s } = this.#world;
    const slot = this.#world.slot(index);
    if (slot.site !== site) return;
    if (s[slot.work] === work.enlisting || s[slot.work] === work.running)
      s[slot.work] = work.failed;
  }

  /** The process dies: its branches are gone, its statements may still land. */
  crash(site: number): boolean {
    const world = this.#world;
    if (!world.spend('deaths')) return false;
    this.die(site);
    return true;
  }

  /** The end of a process, whoever brought it about. */
  die(site: number): void {
    const world = this.#world;
    this.#dropSide(site);
    if (world.variant.whole) this.whole?.ended(site);
    for (const slot of world.site(site).slots) {
      this.#failWork(site, slot);
      this.#manager.abandon(site, slot);
      const offset = world.driver(site, slot);
      world.s[offset] = 0;
      world.s[offset + 1] = 0;
    }
  }

  /** Its deadline passes, by its own clock. */
  deadline(site: number, slot: number): boolean {
    const world = this.#world;
    const before = world.at(world.driver(site, slot));
    if (before === 0) return false;
    this.#input(site, slot, this.#inputs.deadline);
    return world.at(world.driver(site, slot)) !== before;
  }

  /** The next attempt of phase two is due. */
  retry(site: number, slot: number): boolean {
    const world = this.#world;
    const state = world.branches.state(world.at(world.driver(site, slot)));
    if (state.at !== 'finishing' || state.running) return false;
    this.#input(site, slot, this.#inputs.retry);
    return true;
  }

  /**
   * Who holds an effect applies it, knowing that all databases have committed. In the world that is the
   * database's own process; here it may be any, so that either acknowledgement may be the first.
   */
  applyUnasked(site: number, index: number): boolean {
    const world = this.#world;
    const { kind, tx } = world.slot(index);
    if (kind !== 'logged') return false;
    if (world.branches.state(world.at(world.driver(site, index))).at !== 'prepared') return false;
    for (const [number, slot] of world.layout.slots.entries()) {
      if (slot.tx !== tx || slot.kind === 'logged') continue;
      const hasCommitted = (world.at(slot.held) & 7) === held.committed;
      const isEnough = world.without === '15-unasked' && this.#isCommitting(slot.site, number);
      if (!hasCommitted && !isEnough) return false;
    }
    this.#input(site, index, this.#inputs.apply);
    return true;
  }

  #isCommitting(site: number, index: number): boolean {
    const state = this.#world.branches.state(this.#world.at(this.#world.driver(site, index)));
    return state.at === 'finishing' && state.order.kind === 'commit';
  }

  /** An operation ends: `how` 0 as it should, 1 refused, 2 without an answer. */
  operationEnds(site: number, slot: number, how: number): boolean {
    const world = this.#world;
    const operation = world.operation(site, slot);
    if (operation.run === 'none') return false;
    const result = this.#manager.execute(slot, operation, how);
    if (result === undefined) return false;
    world.setOperation(site, slot, 0);
    this.#input(site, slot, result);
    return true;
  }

  /** Reads what the manager holds prepared, and asks; `how` 1: by the clock, not on a session. */
  scan(site: number, how: number, isFree: boolean): boolean {
    const world = this.#world;
    const { scan, slots } = world.site(site);
    if (world.at(world.site(site).session) % 4 !== 3) return false;
    const isDue = world.at(scan) === 1;
    if (isDue !== (how === 0) || world.at(scan) > 1) return false;
    if (how === 1 && !isFree && !world.spend('scans')) return false;
    const found = slots.reduce((mask, slot) => mask | (this.#isPrepared(slot) << slot), 0);
    if (!world.variant.slowScans) return this.#ask(site, found);
    world.s[scan] = 2 | (found << 2);
    return true;
  }

  #isPrepared(slot: number): number {
    const { held: offset, kind } = this.#world.slot(slot);
    const isHeld = kind === 'native' && (this.#world.at(offset) & 7) === held.prepared;
    return isHeld ? 1 : 0;
  }

  /** The second half of a slow scan. */
  scanAsks(site: number): boolean {
    const world = this.#world;
    const { scan } = world.site(site);
    if (world.at(scan) < 2) return false;
    return this.#ask(site, world.at(scan) >> 2);
  }

  #ask(site: number, found: number): boolean {
    const world = this.#world;
    const { scan, slots } = world.site(site);
    world.s[scan] = 0;
    for (const index of slots) {
      const driver = world.at(world.driver(site, index));
      const isOrphan = driver === 0 && (found & (1 << index)) !== 0;
      const isHeld = driver !== 0 && world.branches.state(driver).at === 'prepared';
      if (!isOrphan && !isHeld) continue;
      const slot = world.slot(index);
      const wentBack = this.#manager.wentBack(slot);
      const branch = world.at(slot.number);
      const { tx } = slot;
      const foreign = this.#coordinatorOf(slot.site) !== this.#coordinatorOf(site);
      const key = 64 + (tx * 16 + branch) * 4 + (wentBack ? 1 : 0) + (foreign ? 2 : 0);
      const make = () => {
        return { kind: 'in-doubt', tx, branch, wentBack, foreign, audited: false } as const;
      };
      world.sendUp(site, this.#up(key, make));
    }
    if (world.variant.audits && world.without !== '13-audited') this.#askAudited(site, found);
    return true;
  }

  #coordinatorOf(site: number): number {
    return this.#world.variant.sites[site]?.coordinator ?? 0;
  }

  /** As the scan does it: not yet what is prepared, or held here. */
  #askAudited(site: number, found: number): void {
    const world = this.#world;
    const { audited, slots } = world.site(site);
    for (const index of slots) {
      const slot = world.slot(index);
      const isOpen = (found & (1 << index)) !== 0 || world.at(world.driver(site, index)) !== 0;
      const wasAsked = (world.at(audited) & (1 << index)) !== 0;
      if ((world.at(slot.audit) & 3) !== entry.committed || isOpen || wasAsked) continue;
      world.s[audited] = world.at(audited) | (1 << index);
      const { tx } = slot;
      const rest = { wentBack: false, foreign: false, audited: true };
      const branch = world.at(slot.number);
      world.sendUp(site, world.up.id({ kind: 'in-doubt', tx, branch, ...rest }));
    }
  }
}

import type { Resolution } from '../../coordinator/src/protocol/record.ts';
import { CoordinatorActs } from './coordinator-acts.ts';
import { entryIsAhead, held, heldByHand, late, type Slot, work } from './layout.ts';
import { ends, ManagerActs } from './manager-acts.ts';
import { ParticipantActs } from './participant-acts.ts';
import { WholeActs } from './whole-acts.ts';
import type { World } from './world.ts';

/** What can happen, by name; each has its number. */
const numbers = {
  restart: 0,
  'log-answers': 1,
  'deliver-down': 2,
  'deliver-up': 3,
  operation: 4,
  late: 5,
  connect: 6,
  scan: 7,
  'scan-asks': 8,
  'coordinator-loses': 9,
  'participant-loses': 10,
  call: 11,
  'handler-ends': 12,
  'commit-arrives': 13,
  deadline: 14,
  'participant-deadline': 15,
  retry: 16,
  forget: 17,
  crash: 18,
  death: 19,
  repeat: 20,
  'time-out': 21,
  'by-hand': 22,
  resolve: 23,
  'restore-log': 24,
  'restore-rm': 25,
  'prepare-unasked': 26,
  'hand-over': 27,
  'let-go': 28,
  'refuse-whole': 29,
  'commit-at-home': 30,
  'apply-unasked': 31,
} as const;

export type ActName = keyof typeof numbers;

const actNames = Object.keys(numbers) as readonly ActName[];

/** One thing that can happen, in 16 bits: what, and two small numbers. */
export function encodeAct(name: ActName, a = 0, b = 0): number {
  return (numbers[name] << 8) | (a << 4) | b;
}

export function decodeAct(code: number): { name: ActName; a: number; b: number } {
  return { name: actNames[code >> 8] as ActName, a: (code >> 4) & 15, b: code & 15 };
}

/** What an operator may say. */
export const resolutions: readonly Resolution[] = ['committed', 'rolled-back', 'abandoned'];

/** Everything that can happen in a world. */
export class Acts {
  readonly world: World;
  readonly coordinator: CoordinatorActs;
  readonly participants: ParticipantActs;
  readonly managers: ManagerActs;
  readonly whole: WholeActs;

  constructor(world: World) {
    this.world = world;
    this.coordinator = new CoordinatorActs(world);
    this.participants = new ParticipantActs(world);
    this.whole = new WholeActs(world, this.participants);
    this.participants.whole = this.whole;
    this.managers = new ManagerActs(world);
    this.coordinator.noteAnswers();
  }

  /** What may be possible in the world's state; `perform` has the last word. */
  candidates(out: number[]): void {
    out.length = 0;
    const { desks, sites } = this.world.layout;
    for (let index = 0; index < desks.length; index += 1) this.#ofCoordinator(index, out);
    for (let site = 0; site < sites.length; site += 1) this.#ofSite(site, out);
    for (let slot = 0; slot < this.world.layout.slots.length; slot += 1) this.#ofSlot(slot, out);
  }

  #ofCoordinator(index: number, out: number[]): void {
    const { world } = this;
    world.turnTo(index);
    const { desk } = world;
    const { log } = world.coordinator;
    const state = world.at(desk.log);
    if (!world.isUp()) {
      if (world.at(desk.up) === 0) out.push(encodeAct('restart', 0, index));
      const mayRestore = world.left('restores') > 0 && world.variant.restored === 'log';
      const length = mayRestore ? log.length(state) : 0;
      for (let kept = 0; kept < length; kept += 1) out.push(encodeAct('restore-log', kept, index));
    } else {
      if (log.unanswered(state) >= 0) out.push(encodeAct('log-answers', 0, index));
      if (world.left('crashes') > 0) {
        for (let n = 0; n <= log.tail(state); n += 1) out.push(encodeAct('crash', n, index));
      }
    }
    for (const tx of desk.txs) {
      const calls = world.variant.plans[tx]?.length ?? 0;
      const client = world.at(world.txWords(tx).client);
      if (world.variant.whole) this.#ofWhole(tx, client, out);
      if (!world.isUp()) continue;
      if (client === calls && !world.variant.whole) out.push(encodeAct('commit-arrives', tx));
      if (world.at(world.txWords(tx).tx) === 0) continue;
      if (world.variant.deadlines) out.push(encodeAct('deadline', tx));
      if (world.variant.forgets) out.push(encodeAct('forget', tx));
    }
  }

  #ofWhole(tx: number, client: number, out: number[]): void {
    const { world } = this;
    const calls = world.variant.plans[tx]?.length ?? 0;
    if (client === calls) out.push(encodeAct('prepare-unasked', tx));
    if (client === calls && world.variant.atHome) out.push(encodeAct('commit-at-home', tx));
    if (client === calls + 1) out.push(encodeAct('hand-over', tx));
    const mayLetGo = world.variant.deadlines || this.whole.isLost(tx);
    if (client <= calls + 1 && mayLetGo) out.push(encodeAct('let-go', tx));
  }

  #ofSite(site: number, out: number[]): void {
    const { world } = this;
    world.turnToSite(site);
    const { session, down, up, scan } = world.site(site);
    const sides = world.at(session) & 3;
    if (world.at(down) !== 0) out.push(encodeAct('deliver-down', site));
    if (world.at(up) !== 0 && (sides & 1) !== 0) {
      out.push(encodeAct('deliver-up', site));
      if (world.variant.whole && world.variant.refusals) out.push(encodeAct('refuse-whole', site));
    }
    if (sides === 0 && world.isUp()) out.push(encodeAct('connect', site));
    const mayBreak = world.left('losses') > 0;
    if (sides === 1 || (sides === 3 && mayBreak)) out.push(encodeAct('coordinator-loses', site));
    if (sides === 2 || (sides === 3 && mayBreak)) out.push(encodeAct('participant-loses', site));
    if (world.left('deaths') > 0) out.push(encodeAct('death', site));
    if (world.left('repeats') > 0 && world.isUp()) out.push(encodeAct('repeat', site));
    if (sides !== 3) return;
    const due = world.at(scan);
    if (due === 1) out.push(encodeAct('scan', site, 0));
    else if (due > 1) out.push(encodeAct('scan-asks', site));
    else if (world.left('scans') > 0) out.push(encodeAct('scan', site, 1));
  }

  #ofSlot(index: number, out: number[]): void {
    const { world } = this;
    const slot = world.slot(index);
    world.turnToTx(slot.tx);
    const client = world.at(world.txWords(slot.tx).client);
    const state = world.at(slot.work);
    if (client === slot.call) {
      if (state === work.none) out.push(encodeAct('call', index));
      else if (world.left('timeouts') > 0) out.push(encodeAct('time-out', index));
    }
    if (state === work.running) out.push(encodeAct('handler-ends', index));
    if (world.at(slot.late) !== late.none) {
      out.push(encodeAct('late', index, 1));
      if (world.at(slot.late) !== late.drop) out.push(encodeAct('late', index, 0));
    }
    this.#ofHands(index, slot, out);
    const { drivers } = world.layout;
    for (let site = 0; site < drivers.length; site += 1) this.#ofDriver(site, index, out);
  }

  #ofHands(index: number, slot: Slot, out: number[]): void {
    const { world } = this;
    const isPrepared = (world.at(slot.held) & 7) === held.prepared;
    const isAnnounced = (world.at(slot.audit) & entryIsAhead) !== 0;
    if (world.left('hands') > 0 || isAnnounced) {
      if (isPrepared) for (const how of [0, 1, 3, 4]) out.push(encodeAct('by-hand', index, how));
      else if (world.at(slot.held) > held.prepared) out.push(encodeAct('by-hand', index, 2));
    }
    if (
      world.left('resolutions') > 0 &&
      world.isUp() &&
      world.at(world.txWords(slot.tx).tx) !== 0
    ) {
      for (let n = 0; n < resolutions.length; n += 1) out.push(encodeAct('resolve', index, n));
    }
    if (world.variant.restored === 'rm' && world.left('restores') > 0) {
      if ((world.at(slot.held) & 7) === held.committed) out.push(encodeAct('restore-rm', index));
    }
  }

  #ofDriver(site: number, index: number, out: number[]): void {
    const { world } = this;
    const offset = world.driver(site, index);
    if (offset < 0 || world.at(offset) === 0) return;
    if (world.at(offset + 1) !== 0) {
      out.push(encodeAct('operation', (site << 2) | index, ends.well));
      out.push(encodeAct('operation', (site << 2) | index, ends.refused));
      if (world.left('failures') > 0) {
        out.push(encodeAct('operation', (site << 2) | index, ends.unanswered));
      }
    } else out.push(encodeAct('retry', (site << 2) | index));
    if (world.variant.deadlines) out.push(encodeAct('participant-deadline', (site << 2) | index));
    if (world.variant.unasked) out.push(encodeAct('apply-unasked', (site << 2) | index));
  }

  /** Does it; false when it was not possible. The state may have changed even then. */
  perform(code: number): boolean {
    const isDone = this.#perform(code);
    if (isDone) this.coordinator.noteAnswers();
    return isDone;
  }

  #perform(code: number): boolean {
    const { coordinator, participants, managers, world } = this;
    const { name, a, b } = decodeAct(code);
    world.turnTo(this.#coordinatorOf(name, a, b));
    switch (name) {
      case 'restart':
        return coordinator.restart();
      case 'log-answers':
        return coordinator.logAnswers();
      case 'deliver-down':
        return participants.deliver(a);
      case 'deliver-up':
        return coordinator.deliver(a);
      case 'operation':
        return participants.operationEnds(a >> 2, a & 3, b);
      case 'late':
        return managers.lateEnds(a, b === 1);
      case 'connect':
        return coordinator.connect(a);
      case 'scan':
        return participants.scan(a, b & 1, b > 1);
      case 'scan-asks':
        return participants.scanAsks(a);
      case 'coordinator-loses':
        return this.#break(a) && coordinator.lose(a);
      case 'participant-loses':
        return this.#break(a) && participants.lose(a);
      case 'call':
        return world.variant.whole ? this.whole.call(a) : participants.call(a);
      case 'prepare-unasked':
        return this.whole.prepare(a);
      case 'commit-at-home':
        return this.whole.commitAtHome(a);
      case 'hand-over':
        return this.whole.handOver(a);
      case 'let-go':
        return this.whole.letGo(a);
      case 'refuse-whole':
        return coordinator.refuseWhole(a);
      case 'handler-ends':
        return participants.handlerEnds(a);
      case 'commit-arrives':
        return coordinator.commitArrives(a);
      case 'deadline':
        return coordinator.deadline(a);
      case 'participant-deadline':
        return participants.deadline(a >> 2, a & 3);
      case 'retry':
        return participants.retry(a >> 2, a & 3);
      case 'apply-unasked':
        return participants.applyUnasked(a >> 2, a & 3);
      case 'forget':
        return coordinator.forget(a);
      case 'crash':
        return this.#crash(a);
      case 'death':
        return participants.crash(a);
      case 'repeat':
        return world.spend('repeats') && this.#repeat(a);
      case 'time-out':
        return participants.callTimesOut(a);
      case 'by-hand':
        return this.#byHand(a, b);
      case 'resolve':
        return this.#resolve(a, b);
      case 'restore-log':
        return coordinator.restoreLog(a);
      case 'restore-rm':
        return managers.restore(a);
    }
  }

  /** A session breaks by itself, or the other side has noticed already. */
  #break(site: number): boolean {
    const isWhole = (this.world.at(this.world.site(site).session) & 3) === 3;
    return !isWhole || this.world.spend('losses');
  }

  /** The coordinator to which something happens, or that hears of it. */
  #coordinatorOf(name: ActName, a: number, b: number): number {
    const { plans, sites } = this.world.variant;
    if (sites.length < 2 || this.world.layout.desks.length === 1) return 0;
    const at = (site = 0) => sites[site]?.coordinator ?? 0;
    switch (name) {
      case 'restart':
      case 'log-answers':
      case 'crash':
      case 'restore-log':
        return b;
      case 'commit-arrives':
      case 'deadline':
      case 'forget':
      case 'prepare-unasked':
      case 'commit-at-home':
      case 'hand-over':
      case 'let-go':
        return at(plans[a]?.[0]);
      case 'resolve':
        return at(this.world.slot(a).site);
      case 'operation':
      case 'retry':
      case 'participant-deadline':
      case 'apply-unasked':
        return at(a >> 2);
      default:
        return at(a);
    }
  }

  /** With an embedded coordinator the whole process dies. */
  #crash(landed: number): boolean {
    const { coordinator, participants, world } = this;
    if (!coordinator.crash(landed)) return false;
    if (world.variant.embedded) for (const site of world.desk.sites) participants.die(site);
    return true;
  }

  #byHand(index: number, how: number): boolean {
    if (how === 2) return this.managers.forgetReceipt(index);
    if (how > 2) return this.managers.announce(index, how === 4);
    return this.managers.byHand(index, how === 1);
  }

  #repeat(site: number): boolean {
    this.coordinator.resend(this.world.variant.sites[site]?.rm ?? 0);
    return true;
  }

  #resolve(index: number, resolution: number): boolean {
    const slot = this.world.slot(index);
    const branch = this.world.at(slot.number);
    const said = resolutions[resolution] as Resolution;
    if (branch === 0 || !this.coordinator.resolve(slot.tx, branch, said)) return false;
    // From here on the branch follows the operator, whatever was decided.
    this.world.s[slot.held] = this.world.at(slot.held) | heldByHand;
    return true;
  }
}

import type { WholeBranch } from '@unanimous/proto';
import { readVote } from '../../coordinator/src/sessions/read-messages.ts';
import { orderOfAbort, voteMessage } from '../../participant-sdk/src/participant/wire.ts';
import type {
  BranchInput,
  BranchState,
  BranchVote,
} from '../../participant-sdk/src/protocol/branch-state.ts';
import { gidOf, rmName, why } from './coordinator-cell.ts';
import { held, work } from './layout.ts';
import type { ParticipantActs } from './participant-acts.ts';
import type { World } from './world.ts';

/**
 * A client that begins without a word, in the process of its branches: they prepare without being
 * asked, and the coordinator hears of the transaction whole.
 */
export class WholeActs {
  readonly #world: World;
  readonly #participants: ParticipantActs;
  readonly #inputs: ReturnType<typeof inputsOf>;
  readonly #sent: number[] = [];

  constructor(world: World, participants: ParticipantActs) {
    this.#world = world;
    this.#participants = participants;
    this.#inputs = inputsOf(world);
  }

  /** Works in a resource manager of its own process: nobody is asked. */
  call(index: number): boolean {
    const world = this.#world;
    const { s } = world;
    const slot = world.slot(index);
    const { client } = world.txWords(slot.tx);
    if (s[client] !== slot.call || s[slot.work] !== work.none || !this.#isOpen(slot.tx)) {
      return false;
    }
    s[slot.number] = slot.call + 1;
    if (slot.kind !== 'logged') s[slot.held] = held.open;
    s[slot.work] = work.running;
    this.#participants.input(slot.site, index, this.#inputs.opened);
    if (!world.variant.slowHandlers) this.#participants.handlerEnds(index);
    return true;
  }

  /** All branches prepare; which way, is known before. */
  prepare(tx: number): boolean {
    const world = this.#world;
    const { client } = world.txWords(tx);
    const calls = this.#calls(tx);
    if (world.at(client) !== calls || !this.#isOpen(tx)) return false;
    world.s[client] = calls + 1;
    const { canOnePhase = false } = world.variant.sites[this.#site(tx)] ?? {};
    const prepare = this.#inputs.prepare[calls === 1 && canOnePhase ? 1 : 0];
    for (const slot of this.#slots(tx)) this.#participants.input(this.#site(tx), slot, prepare);
    return true;
  }

  /** The only branch commits by itself: nobody else knows of the transaction. */
  commitAtHome(tx: number): boolean {
    const world = this.#world;
    const { client } = world.txWords(tx);
    const calls = this.#calls(tx);
    const [slot, second] = this.#slots(tx);
    if (world.at(client) !== calls || !this.#isOpen(tx)) return false;
    if (!world.variant.atHome || slot === undefined || second !== undefined) return false;
    world.s[client] = calls + 3;
    this.#participants.input(this.#site(tx), slot, this.#inputs.commitAtHome);
    return true;
  }

  /** All have voted: their votes are handed over, and the message leaves. */
  handOver(tx: number): boolean {
    const world = this.#world;
    const { client } = world.txWords(tx);
    if (world.at(client) !== this.#calls(tx) + 1 || !this.#isOpen(tx)) return false;
    const site = this.#site(tx);
    const isHasty = world.without === '1-votes';
    const slots = this.#slots(tx).filter((slot) => !isHasty || this.#vote(site, slot));
    const votes = slots.map((slot) => this.#vote(site, slot));
    if (votes.length === 0 || votes.includes(undefined)) return false;
    const message = this.#whole(tx, slots, votes as BranchVote[]);
    world.s[client] = this.#calls(tx) + 2;
    const isForgetful = world.without === '3-handed-over';
    const { handedOver } = this.#inputs;
    for (const slot of slots) if (!isForgetful) this.#participants.input(site, slot, handedOver);
    world.sendUp(site, message);
    return true;
  }

  /** The client gives up before anything was handed over, or a branch has refused. */
  letGo(tx: number): boolean {
    const world = this.#world;
    const { client } = world.txWords(tx);
    if (world.at(client) >= this.#calls(tx) + 2 || !this.#isOpen(tx)) return false;
    const site = this.#site(tx);
    world.s[client] = this.#calls(tx) + 2;
    for (const slot of this.#slots(tx)) this.#participants.input(site, slot, this.#inputs.letGo);
    world.sendUp(site, world.up.id({ kind: 'abort-untold', tx }));
    return true;
  }

  /** A branch here has not voted and never will: the client notices. */
  isLost(tx: number): boolean {
    const world = this.#world;
    if (world.at(world.txWords(tx).client) !== this.#calls(tx) + 1) return false;
    return this.#slots(tx).some((slot) => {
      const { at } = this.#state(this.#site(tx), slot);
      return at !== 'preparing' && at !== 'readying' && !this.#vote(this.#site(tx), slot);
    });
  }

  /** The coordinator has refused it: nothing of it will ever be committed. */
  refused(site: number, tx: number): void {
    for (const slot of this.#slots(tx)) this.#participants.input(site, slot, this.#inputs.abort);
  }

  /** The process or its session is lost, and with it what was not handed over. */
  ended(site: number): void {
    const world = this.#world;
    for (const [tx, { client }] of world.layout.txs.entries()) {
      const isItsOwn = this.#site(tx) === site && world.variant.whole;
      if (isItsOwn && world.at(client) < this.#calls(tx) + 2) world.s[client] = this.#calls(tx) + 2;
    }
  }

  #calls(tx: number): number {
    return this.#world.variant.plans[tx]?.length ?? 0;
  }

  #site(tx: number): number {
    return this.#world.variant.plans[tx]?.[0] ?? 0;
  }

  #slots(tx: number): number[] {
    const { slots } = this.#world.layout;
    return [...slots.keys()].filter((slot) => slots[slot]?.tx === tx);
  }

  /** On the session whose block the gid is of. */
  #isOpen(tx: number): boolean {
    const world = this.#world;
    const site = this.#site(tx);
    return world.variant.whole && world.participantHolds(site) && world.generation(site) === 1;
  }

  #state(site: number, slot: number): BranchState {
    return this.#world.branches.state(this.#world.at(this.#world.driver(site, slot)));
  }

  /** What a branch has said and nobody has heard. */
  #vote(site: number, slot: number): BranchVote | undefined {
    const state = this.#state(site, slot);
    if (state.at === 'prepared' || state.at === 'ready') return state.vote;
    return state.at === 'left' ? { kind: 'read-only' } : undefined;
  }

  /** As it travels and arrives: through the production codecs. */
  #whole(tx: number, slots: readonly number[], votes: readonly BranchVote[]): number {
    const world = this.#world;
    const key = votes.reduce((sum, { kind }) => sum * 5 + kinds.indexOf(kind) + 1, tx);
    return (this.#sent[key * 64 + slots.length * 8 + (slots[0] ?? 0)] ??= world.up.id({
      kind: 'whole',
      tx,
      branches: slots.map((slot, index) => {
        const { rm, number } = world.slot(slot);
        const id = { gid: gidOf(tx), branch: world.at(number), rm: rmName(rm), incarnation: 'i1' };
        const { kind, receipt, redo, reason, incarnation } = voteMessage(
          id,
          votes[index] as BranchVote,
        );
        const { canOnePhase = false } = world.variant.sites[this.#site(tx)] ?? {};
        const wire: WholeBranch = {
          ...{ rm: id.rm, canOnePhase, kind, receipt, redo, reason, incarnation },
        };
        return { rm, incarnation: wire.incarnation, vote: readVote(wire, 1_024) };
      }),
    }));
  }
}

const kinds = ['yes', 'ready', 'read-only', 'no'] as const;

function inputsOf(world: World) {
  const id = (input: BranchInput) => world.branches.inputs.id(input);
  const prepare = { kind: 'prepare', work: false, unasked: true } as const;
  const abort = orderOfAbort({ gid: '', branch: 0, rm: '', receipt: '', incarnation: 'i1' });
  return {
    opened: id({ kind: 'opened' }),
    prepare: [id({ ...prepare, onePhase: false }), id({ ...prepare, onePhase: true })],
    commitAtHome: id({ kind: 'commit-at-home' }),
    handedOver: id({ kind: 'handed-over' }),
    letGo: id({ kind: 'let-go', reason: why }),
    abort: id({ kind: 'order', order: abort }),
  } as const;
}

import {
  entry,
  held,
  heldByHand,
  heldHalf,
  heldWentBack,
  reply,
  type Slot,
  told,
  wordFollowed,
} from './layout.ts';
import { rmName } from './coordinator-cell.ts';
import type { World } from './world.ts';

/** The first rule of atomic commitment that a state breaks, in words; undefined when it is sound. */
export function violationIn(world: World): string | undefined {
  const strange = strangerIn(world);
  if (strange !== undefined) return strange;
  for (let tx = 0; tx < world.layout.txs.length; tx += 1) {
    const found = violationOf(world, tx);
    if (found !== undefined) return found;
  }
  return toldAgainIn(world);
}

function toldAgainIn(world: World): string | undefined {
  for (const desk of world.layout.desks) {
    if (world.at(desk.up) !== 1) continue;
    for (const tx of desk.txs) {
      const id = world.at(world.txWords(tx).tx);
      const rm = world.coordinator.toldAgain(id, tx, world.at(desk.log));
      if (rm !== undefined) return `rule 16: after a restart ${rm} is told again what it has done`;
    }
  }
  return undefined;
}

/** A process that works on a branch of another coordinator than its own. */
export function strangerIn({ layout, variant, s }: World): string | undefined {
  if (layout.desks.length === 1) return undefined;
  const coordinatorOf = (site: number) => variant.sites[site]?.coordinator;
  for (const [site, row] of layout.drivers.entries()) {
    for (const [index, offset] of row.entries()) {
      const slot = layout.slots[index] as Slot;
      const isOther = coordinatorOf(slot.site) !== coordinatorOf(site);
      if (isOther && offset >= 0 && s[offset] !== 0) {
        return `rule 19: process ${site + 1} ends a branch of another coordinator in ${rmName(slot.rm)}`;
      }
    }
  }
  return undefined;
}

function violationOf(world: World, tx: number): string | undefined {
  const answers = world.at(world.txWords(tx).told);
  const { committed, aborted } = told;
  if ((answers & committed) !== 0 && (answers & aborted) !== 0) {
    return 'AC2: both committed and aborted were answered for one transaction';
  }
  let committer: Slot | undefined;
  const { slots } = world.layout;
  for (let i = 0; i < slots.length; i += 1) {
    const slot = slots[i] as Slot;
    const state = world.at(slot.held);
    const isEnded = (state & 7) === held.committed || (state & 7) === held.aborted;
    const audit = world.variant.audits ? world.at(slot.audit) : 0;
    if (isEnded && (audit & wordFollowed) !== 0 && (audit & 3) === entry.none) {
      return `rule 13: ${rmName(slot.rm)} was ended by an operator's word, and has no entry of it`;
    }
    if (slot.tx !== tx || (state & 7) !== held.committed || (state & heldByHand) !== 0) continue;
    committer = slot;
    if ((state & heldHalf) !== 0)
      return `AC3: half of the work in ${rmName(slot.rm)} was committed`;
  }
  if (committer !== undefined && (answers & aborted) !== 0) {
    return `AC1: aborted was answered, and ${rmName(committer.rm)} has committed`;
  }
  const isCommitted = committer !== undefined || (answers & committed) !== 0;
  return isCommitted ? missing(world, tx, committer) : undefined;
}

/** What a committed transaction lacks. */
function missing(world: World, tx: number, committer: Slot | undefined): string | undefined {
  const { slots } = world.layout;
  const by =
    committer === undefined ? 'it was answered committed' : `${rmName(committer.rm)} has committed`;
  for (let i = 0; i < slots.length; i += 1) {
    const slot = slots[i] as Slot;
    if (slot.tx !== tx) continue;
    const bits = world.at(slot.held);
    const state = bits & 7;
    if (committer?.kind === 'logged' && slot.kind === 'native' && state === held.prepared) {
      const wentBack = (bits & heldWentBack) !== 0;
      if (!wentBack)
        return `rule 15: an effect went out while ${rmName(slot.rm)} was only prepared`;
    }
    if ((bits & heldByHand) !== 0 || slot.kind === 'logged') continue;
    if (state === held.aborted) return `AC1: ${by}, and ${rmName(slot.rm)} has rolled back`;
    const isPart = world.at(slot.reply) === reply.done;
    if (isPart && (state === held.none || (state === held.open && committer !== slot))) {
      if (committer === undefined && isAlone(world, tx)) continue;
      return `AC3: ${by}, and the work in ${rmName(slot.rm)} was never prepared`;
    }
  }
  return undefined;
}

function isAlone(world: World, tx: number): boolean {
  return world.variant.plans[tx]?.length === 1;
}

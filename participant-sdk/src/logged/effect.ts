import type { BranchId, Gid } from '@unanimous/proto';
import type { Decided } from '../resource.ts';

/** Where an effect stands among all others, and how it is known when it comes twice. */
export interface EffectPlace {
  /** `GID/BRANCH/INDEX`: the same each time that the effect is applied. */
  readonly id: string;
  readonly gid: Gid;
  /**
   * With `seq` and `index` the order of conflicting transactions: compare epoch first, then seq,
   * then index; where a target overwrites, the higher one stays (PROTOCOL rule 14).
   */
  readonly epoch: number;
  readonly seq: number;
  readonly index: number;
  /** Effects with a lower seq never come again: what was kept to know them can go (rule 16). */
  readonly lowWaterSeq: number;
}

/** An effect of a committed transaction, to be applied. */
export interface PlacedEffect<E> {
  readonly effect: E;
  readonly place: EffectPlace;
}

/** Gives each effect of a branch its place. */
export function placeEffects<E>(
  effects: readonly E[],
  branch: BranchId,
  decided: Decided,
): PlacedEffect<E>[] {
  const { gid } = branch;
  const { epoch, seq, lowWaterSeq } = decided;
  return effects.map((effect, index) => ({
    effect,
    place: { id: `${gid}/${branch.branch}/${index}`, gid, epoch, seq, index, lowWaterSeq },
  }));
}

import type { BranchId, Gid } from '@unanimous/proto';
import { expect, test } from 'vitest';
import type { PlacedEffect } from '../../../participant-sdk/src/logged/effect.ts';
import {
  type ApplyTry,
  LoggedResource,
} from '../../../participant-sdk/src/logged/logged-resource.ts';
import { encodeRedo } from '../../../participant-sdk/src/logged/redo.ts';

/** Settles one effect at each try, and says nothing of the others. */
class OneAtATime extends LoggedResource<number> {
  readonly applied: number[] = [];

  protected async connect() {
    return { identity: 'test', incarnation: '1' };
  }

  protected async checkEffects(): Promise<void> {}

  protected async applyEffects([first]: readonly PlacedEffect<number>[], attempt: ApplyTry) {
    if (!first) return;
    this.applied.push(first.effect);
    attempt.settle(first.place.index, { is: 'applied' });
  }
}

test('a commit is acknowledged only when each effect is settled', async () => {
  const resource = new OneAtATime({ rm: 'events' });
  await resource.open();
  const gid = '4f1c9a7be203-1-1' as Gid;
  const branch: BranchId = { gid, branch: 1, rm: 'events', incarnation: '1' };
  const redo = encodeRedo(['7', '8']);
  const decided = { receipt: '', redo, epoch: 1, seq: 1, lowWaterSeq: 1 };
  await expect(resource.commit(branch, decided)).rejects.toMatchObject({ code: 'rm-unavailable' });
  expect(await resource.commit(branch, decided)).toEqual({ result: 'committed' });
  expect(resource.applied).toEqual([7, 8]);
});

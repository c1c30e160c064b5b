import { join } from 'node:path';
import { type Check, count, newTally, type Scale, type Tally } from './check-list.ts';
import type { Image } from './images.ts';
import { judge } from './verdict.ts';

/** Which part of all trials a process runs: every `of`-th, from `index` on. */
export interface Slice {
  readonly index: number;
  readonly of: number;
}

/** Runs a slice of a check in a folder of its own; tells of each trial before it begins. */
export function runSlice(
  root: string,
  check: Check,
  images: readonly Image[],
  scale: Scale,
  { index, of }: Slice,
  onTrial: (what: string, soFar: Tally) => void = () => {},
): Tally {
  const tally = newTally();
  const dir = join(root, 'trial');
  const startedMs = performance.now();
  let n = 0;
  for (const lazy of check.trials(images, scale)) {
    n += 1;
    if (n % of !== index) continue;
    const trial = lazy();
    if (!trial) continue;
    tally.milliseconds = performance.now() - startedMs;
    onTrial(trial.what, tally);
    count(tally, `${check.name}, ${trial.what}`, judge(dir, trial));
  }
  tally.milliseconds = performance.now() - startedMs;
  return tally;
}

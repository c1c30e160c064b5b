import type { Image } from './images.ts';
import type { Outcome, Trial, Verdict } from './verdict.ts';

/** How much is tried: some hundreds, some thousands, every byte, or every bit. */
export type Scale = 'sample' | 'quick' | 'full' | 'long';

/** A trial that is made only when its turn comes; undefined when the same was tried before. */
export type LazyTrial = () => Trial | undefined;

/** One line of the table: a fault, and all the ways in which it is tried. */
export interface Check {
  readonly name: string;
  readonly about: string;
  /** What to try on the given images; the same sequence each time. */
  trials(images: readonly Image[], scale: Scale): Iterable<LazyTrial>;
}

/** What a check has found so far; sums of several processes can be added. */
export interface Tally {
  trials: number;
  readonly outcomes: Record<Outcome, number>;
  milliseconds: number;
  /** The first few trials that went wrong, with the reason. */
  readonly wrong: string[];
  /** Reasons of refusals without their numbers, and how often each was given. */
  readonly reasons: Record<string, number>;
}

/** A tally of nothing. */
export function newTally(): Tally {
  const outcomes = { correct: 0, refused: 0, exposed: 0, wrong: 0 };
  return { trials: 0, outcomes, milliseconds: 0, wrong: [], reasons: {} };
}

/** Counts one trial. */
export function count(tally: Tally, what: string, { outcome, why }: Verdict): void {
  tally.trials += 1;
  tally.outcomes[outcome] += 1;
  if (outcome === 'wrong' && tally.wrong.length < 5) tally.wrong.push(`${what}: ${why}`);
  if (outcome === 'refused') {
    const reason = why.replaceAll(/; the files were copied .*|[0-9a-f]{12}|\d+/g, '…');
    tally.reasons[reason] = (tally.reasons[reason] ?? 0) + 1;
  }
}

/** Adds what another process has counted. */
export function addTally(sum: Tally, more: Tally): void {
  sum.trials += more.trials;
  for (const outcome of Object.keys(more.outcomes) as Outcome[]) {
    sum.outcomes[outcome] += more.outcomes[outcome];
  }
  sum.milliseconds += more.milliseconds;
  sum.wrong.push(...more.wrong);
  for (const [reason, times] of Object.entries(more.reasons)) {
    sum.reasons[reason] = (sum.reasons[reason] ?? 0) + times;
  }
}

/** About `wanted` of the numbers below `length`, evenly spread; all of them when there are fewer. */
export function* spread(length: number, wanted: number): Generator<number> {
  const step = Math.max(1, length / Math.max(1, wanted));
  for (let n = 0; Math.floor(n * step) < length; n += 1) yield Math.floor(n * step);
}

/** How many of something a quick run tries; a full or long one tries all, a sample few. */
export function some(scale: Scale, quickCount: number): number {
  if (scale === 'sample') return quickCount / 20;
  return scale === 'quick' ? quickCount : Infinity;
}

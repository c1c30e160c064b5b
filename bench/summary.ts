import type { Histogram } from 'hdr-histogram-js';
import { newHistogram } from './load.ts';
import type { Case, Sample, Subject } from './scenario.ts';

/** A figure over all rounds. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** A subject's share of a floor, taken round by round: noise that hits both leaves it alone. */
export interface Share extends Spread {
  readonly floor: string;
}

/** Latencies of all rounds together, in microseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** One subject over all rounds. */
export interface SubjectSummary {
  readonly name: string;
  readonly isFloor: boolean;
  readonly value: Spread;
  readonly rounds: readonly number[];
  readonly latencyUs?: Latency;
  readonly shares: readonly Share[];
}

/** One case with its subjects. */
export interface CaseSummary extends Pick<Case, 'name' | 'x' | 'unit' | 'better'> {
  readonly subjects: readonly SubjectSummary[];
}

/** Sums a case up: `samples` holds, for each subject, its rounds. */
export function summarize(one: Case, samples: readonly (readonly Sample[])[]): CaseSummary {
  const valuesOf = (subject: Subject) =>
    samples[one.subjects.indexOf(subject)]?.map(({ value }) => value) ?? [];
  const floors = one.subjects.filter(({ isFloor }) => isFloor === true);
  const subjects = one.subjects.map((subject, index): SubjectSummary => {
    const rounds = valuesOf(subject);
    const isFloor = subject.isFloor === true;
    const shares = isFloor ? [] : floors.map((floor) => shareOf(rounds, floor, valuesOf(floor)));
    const latencyUs = latencyOf(samples[index] ?? []);
    const { name } = subject;
    return { name, isFloor, value: spreadOf(rounds), rounds, ...latencyUs, shares };
  });
  const { name, unit, better, x } = one;
  return { name, unit, better, ...(x !== undefined && { x }), subjects };
}

/** Median, least and most. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const median = Number.isInteger(middle)
    ? (at(middle - 1) + at(middle)) / 2
    : at(Math.floor(middle));
  return { median, low: at(0), high: at(sorted.length - 1) };
}

function shareOf(ours: readonly number[], floor: Subject, floors: readonly number[]): Share {
  const shares = ours.map((value, round) => value / (floors[round] ?? Number.NaN));
  return { floor: floor.name, ...spreadOf(shares) };
}

function latencyOf(samples: readonly Sample[]): { latencyUs: Latency } | undefined {
  const histograms = samples.flatMap(({ latencyUs }) => latencyUs ?? []);
  if (histograms.length === 0) return undefined;
  const all = histograms.reduce((sum: Histogram, one) => (sum.add(one), sum), newHistogram());
  const at = (percentile: number) => all.getValueAtPercentile(percentile);
  return { latencyUs: { p50: at(50), p99: at(99), p999: at(99.9) } };
}

import type { Histogram } from 'hdr-histogram-js';
import type { CaseSummary } from './summary.ts';

/** What one round of one subject gave. */
export interface Sample {
  /** In the unit of the case. */
  readonly value: number;
  /** Latencies in microseconds, where the subject has any. */
  readonly latencyUs?: Histogram;
}

/** One turn of measuring. */
export interface Round {
  /** From 0; the round that only warms up is -1. */
  readonly index: number;
  /** How long to measure. Who measures something of its own length does not look at it. */
  readonly durationMs: number;
}

/** Something that is measured beside others, in turns: what we offer, or a floor under it. */
export interface Subject {
  readonly name: string;
  /** True for what nothing of ours can beat: our figures are told as shares of it. */
  readonly isFloor?: boolean;
  measure(round: Round): Promise<Sample>;
}

/** Subjects under the same load: a row of the table for each, compared round by round. */
export interface Case {
  readonly name: string;
  /** Where the case stands in the scenario's chart. */
  readonly x?: number;
  /** Of the values, say `transactions/s`. */
  readonly unit: string;
  readonly better: 'more' | 'less';
  /** Rounds, where the usual number is too dear. */
  readonly rounds?: number;
  /** Measured in this order, round after round. */
  readonly subjects: readonly Subject[];
}

/** A scenario with everything started that it measures. */
export interface RunningScenario extends AsyncDisposable {
  readonly cases: readonly Case[];
}

/** A benchmark: `scenarios/NAME.ts` exports it as `scenario`. */
export interface Scenario {
  /** The file's name. */
  readonly name: string;
  readonly title: string;
  /** The page of docs/ that shows its figures, between `<!-- figures: NAME -->` marks. */
  readonly page: string;
  /** Draws throughput and latency of its cases; what their `x` counts. */
  readonly chart?: { readonly xLabel: string };
  /** Draws its cases up for the page, where the usual table of all subjects says less. */
  readonly table?: (cases: readonly CaseSummary[]) => string;
  start(options: ScenarioOptions): Promise<RunningScenario>;
}

/** What a scenario is told. */
export interface ScenarioOptions {
  /** Half a minute for all scenarios: leave the long cases out. */
  readonly isQuick: boolean;
  /** For a scenario whose load must last: how long, in minutes. */
  readonly minutes: number;
}

import { Marks } from './marks.ts';
import { type Plan, planOf } from './plan.ts';
import { simulate } from './simulation.ts';

/** How much to simulate. What comes first ends it. */
export interface SliceLimits {
  readonly firstSeed: number;
  readonly runs?: number;
  readonly seconds?: number;
  /** Ends as soon as everything was reached, and so many runs were made. */
  readonly enoughRuns?: number;
}

/** What a row of runs has come to. */
export interface Slice {
  readonly runs: number;
  readonly transactions: number;
  readonly committed: number;
  readonly crashes: number;
  readonly faults: number;
  readonly simulatedMs: number;
  readonly elapsedMs: number;
  /** Time of the processor, which other work on the machine does not lengthen by waiting. */
  readonly cpuMs: number;
  /** States of transactions in which a coordinator has died. */
  readonly states: ReadonlySet<string>;
  readonly marks: Marks;
  /** The first run that broke a rule. */
  readonly broken: { readonly plan: Plan; readonly violations: readonly string[] } | undefined;
}

/** Runs seed after seed, until one breaks a rule or the limits say so. */
export async function simulateSlice(limits: SliceLimits): Promise<Slice> {
  const { firstSeed, runs = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY } = limits;
  const { enoughRuns = Number.POSITIVE_INFINITY } = limits;
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  const states = new Set<string>();
  const marks = new Marks();
  const sums = { runs: 0, transactions: 0, committed: 0, crashes: 0, faults: 0, simulatedMs: 0 };
  let broken: Slice['broken'];
  const isEnough = () =>
    sums.runs >= runs ||
    performance.now() - startMs > seconds * 1_000 ||
    (sums.runs >= enoughRuns && marks.missing.length === 0);
  while (!broken && !isEnough()) {
    const plan = planOf(firstSeed + sums.runs);
    const report = await simulate(plan);
    sums.runs += 1;
    sums.transactions += report.transactions;
    sums.committed += report.committed;
    sums.crashes += report.crashes;
    sums.faults += report.faults;
    sums.simulatedMs += report.simulatedMs;
    for (const state of report.states) states.add(state);
    marks.add(report.marks);
    const { violations } = report;
    if (violations.length > 0) broken = { plan, violations };
  }
  const { user, system } = process.cpuUsage(cpu);
  const elapsedMs = performance.now() - startMs;
  return { ...sums, states, marks, broken, elapsedMs, cpuMs: (user + system) / 1_000 };
}

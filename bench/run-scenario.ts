import type { Case, Sample, Scenario, ScenarioOptions } from './scenario.ts';
import { type CaseSummary, summarize } from './summary.ts';

/** A scenario's figures. */
export interface ScenarioSummary extends Pick<Scenario, 'name' | 'title' | 'page' | 'chart'> {
  readonly cases: readonly CaseSummary[];
}

/** How long and how often to measure. */
export interface Effort extends ScenarioOptions {
  readonly rounds: number;
  /** For all rounds of all cases together. */
  readonly budgetMs: number;
}

/** Rounds shorter than this say little; longer than that, nothing more. */
const roundMs = { least: 100, most: 3_000 };

/** The share of a round for which each subject is warmed up first. */
const warmUp = 0.5;

/** Runs a scenario: its cases one after another, the subjects of each in turns. */
export async function runScenario(
  scenario: Scenario,
  effort: Effort,
  onCase: (summary: CaseSummary) => void,
): Promise<ScenarioSummary> {
  const { name, title, page, chart } = scenario;
  await using running = await scenario.start(effort);
  const turns = running.cases.reduce((sum, { subjects, rounds = effort.rounds }) => {
    return sum + subjects.length * (rounds + warmUp);
  }, 0);
  const durationMs = Math.min(Math.max(effort.budgetMs / turns, roundMs.least), roundMs.most);
  const cases: CaseSummary[] = [];
  for (const one of running.cases) {
    const summary = summarize(one, await runCase(one, one.rounds ?? effort.rounds, durationMs));
    onCase(summary);
    cases.push(summary);
  }
  return { name, title, page, ...(chart && { chart }), cases };
}

/** For each subject its rounds: floor, ours, floor, ours, …, so that noise hits all alike. */
async function runCase(one: Case, rounds: number, durationMs: number): Promise<Sample[][]> {
  const { subjects } = one;
  for (const subject of subjects) {
    await subject.measure({ index: -1, durationMs: durationMs * warmUp });
  }
  const samples: Sample[][] = subjects.map(() => []);
  for (let index = 0; index < rounds; index++) {
    for (const [at, subject] of subjects.entries()) {
      samples[at]?.push(await subject.measure({ index, durationMs }));
    }
  }
  return samples;
}

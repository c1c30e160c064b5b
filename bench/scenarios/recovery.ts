import { tempDir } from '../../test/support/temp-dir.ts';
import type { Case, RunningScenario, Scenario, ScenarioOptions } from '../scenario.ts';
import { BuiltCoordinator } from '../support/built-coordinator.ts';
import { writeDecisions } from '../support/log-alone.ts';

/** How long a coordinator takes from its start until it answers, by what its log holds. */
export const scenario: Scenario = {
  name: 'recovery',
  title: 'From start to the first answer',
  page: 'performance.md',
  start,
};

async function start({ isQuick, minutes }: ScenarioOptions): Promise<RunningScenario> {
  const folder = tempDir('unanimous-bench-');
  const live = isQuick ? 10_000 : 100_000;
  const endedCount = isQuick ? 10_000 : minutes >= 10 ? 10_000_000 : 300_000;
  const logs = [
    { name: 'an empty log', isFloor: true, count: 0, areEnded: false },
    { name: `${live.toLocaleString('en-US')} live decisions`, count: live, areEnded: false },
    { name: `${endedCount.toLocaleString('en-US')} ended ones`, count: endedCount, areEnded: true },
  ];
  for (const { name, count, areEnded } of logs) {
    await writeDecisions(folder.file(name), count, areEnded);
  }
  // What is ended stays answerable, or the first start would forget it.
  const retain = ['--retain-outcomes', String(endedCount), '--retain-outcomes-ms', '86400000'];
  const startCase: Case = {
    name: 'start',
    unit: 'ms',
    better: 'less',
    rounds: 3,
    subjects: logs.map(({ name, isFloor = false }) => ({
      name,
      isFloor,
      async measure() {
        const startedMs = performance.now();
        const coordinator = await BuiltCoordinator.launch(folder.file(name), ...retain);
        const value = performance.now() - startedMs;
        await coordinator[Symbol.asyncDispose]();
        return { value };
      },
    })),
  };
  return {
    cases: [startCase],
    async [Symbol.asyncDispose]() {
      folder.remove();
    },
  };
}

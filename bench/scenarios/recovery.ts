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
  const endedCount = isQuick ? 20_000 : minutes >= 10 ? 10_000_000 : 300_000;
  // As many as a coordinator keeps unless told otherwise.
  const retained = isQuick ? 10_000 : 100_000;
  const ended = { areEnded: true, retained };
  const logs = [
    { name: 'an empty log', isFloor: true, filling: { count: 0, areEnded: false } },
    { name: `${shown(live)} live decisions`, filling: { count: live, areEnded: false } },
    { name: `${shown(retained)} ended ones`, filling: { count: retained, ...ended } },
    {
      name: `${shown(endedCount)} ended ones, the last ${shown(retained)} answerable`,
      filling: { count: endedCount, ...ended },
    },
  ];
  for (const { name, filling } of logs) await writeDecisions(folder.file(name), filling);
  // What is ended stays answerable, or the first start would forget it.
  const retain = ['--retain-outcomes', String(retained), '--retain-outcomes-ms', '86400000'];
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

function shown(count: number): string {
  return count.toLocaleString('en-US');
}

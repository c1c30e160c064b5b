import { expect, test } from 'vitest';
import { newHistogram } from '../../bench/load.ts';
import { markdownOf } from '../../bench/report.ts';
import { runScenario } from '../../bench/run-scenario.ts';
import type { Scenario } from '../../bench/scenario.ts';

/** Ours takes 8 of 10 of the floor in each round, while the machine gets slower and slower. */
function slowing(calls: string[]): Scenario {
  let speed = 1_000;
  const subject = (name: string, share: number, isFloor: boolean) => ({
    name,
    isFloor,
    measure: ({ index }: { readonly index: number }) => {
      calls.push(`${name} ${index}`);
      if (isFloor) speed /= 2;
      const latencyUs = newHistogram();
      latencyUs.recordValue(1_500);
      return Promise.resolve({ value: speed * share, latencyUs });
    },
  });
  return {
    name: 'slowing',
    title: 'A machine that slows down',
    page: 'none.md',
    start: () =>
      Promise.resolve({
        cases: [
          {
            name: 'one',
            unit: '/s',
            better: 'more',
            subjects: [subject('floor', 1, true), subject('ours', 0.8, false)],
          },
        ],
        async [Symbol.asyncDispose]() {
          calls.push('disposed');
        },
      }),
  };
}

const effort = { isQuick: true, minutes: 0, rounds: 3, budgetMs: 1 };

test('subjects are measured in turns, after a warm-up, and all is disposed of', async () => {
  const calls: string[] = [];
  await runScenario(slowing(calls), effort, () => {});
  const rounds = [-1, 0, 1, 2].flatMap((index) => [`floor ${index}`, `ours ${index}`]);
  expect(calls).toEqual([...rounds, 'disposed']);
});

test('a share is taken round by round, so that a change of the machine does not show', async () => {
  const { cases } = await runScenario(slowing([]), effort, () => {});
  const ours = cases[0]?.subjects[1];
  expect(ours?.value).toEqual({ median: 100, low: 50, high: 200 });
  expect(ours?.shares).toEqual([{ floor: 'floor', median: 0.8, low: 0.8, high: 0.8 }]);
});

test('the table shows each figure beside its floor', async () => {
  const summary = await runScenario(slowing([]), effort, () => {});
  expect(markdownOf(summary)).toBe(
    [
      '| Case | Measured | Median | Spread | p50 | p99 | p99.9 | Share of the floor |',
      '| --- | --- | --- | --- | --- | --- | --- | --- |',
      '| one | floor: floor | 125 /s | 62.5 to 250 | 1.5 ms | 1.5 ms | 1.5 ms |  |',
      '|  | ours | 100 /s | 50 to 200 | 1.5 ms | 1.5 ms | 1.5 ms | 0.80 (0.80 to 0.80) of floor |',
    ].join('\n'),
  );
});

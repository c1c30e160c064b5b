import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { closedLoop, openLoop } from '../../bench/load.ts';

function blockFor(timeMs: number): void {
  const untilMs = performance.now() + timeMs;
  while (performance.now() < untilMs);
}

test('a closed loop keeps as many works in flight as it is told, and no more', async () => {
  let running = 0;
  let most = 0;
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    await delay(1);
    running -= 1;
  };
  const { value, latencyUs } = await closedLoop(work, { inFlight: 7, durationMs: 40 });
  expect(most).toBe(7);
  expect(running).toBe(0);
  expect(value).toBeGreaterThan(0);
  expect(latencyUs?.totalCount).toBeGreaterThanOrEqual(7);
});

test('an open loop begins its work on time, however long earlier work takes', async () => {
  let running = 0;
  let most = 0;
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    await delay(60);
    running -= 1;
  };
  const { latencyUs } = await openLoop(work, { rate: 500, durationMs: 100 });
  expect(latencyUs?.totalCount).toBe(50);
  expect(most).toBeGreaterThan(7);
});

test('in an open loop a pause of the system shows in all that came due meanwhile', async () => {
  let begun = 0;
  const work = async () => {
    begun += 1;
    if (begun === 10) blockFor(100);
  };
  const { latencyUs } = await openLoop(work, { rate: 1_000, durationMs: 200 });
  // About a hundred came due in the pause, half of them 50 ms before its end or earlier.
  expect(latencyUs?.totalCount).toBe(200);
  expect(latencyUs?.getValueAtPercentile(80)).toBeGreaterThan(40_000);
});

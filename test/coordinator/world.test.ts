import { afterEach, expect, test, vi } from 'vitest';
import { realWorld } from '../../coordinator/src/world.ts';

afterEach(() => vi.useRealTimers());

test.each([-1, 1])('time goes on when the clock of the machine jumps (%i days)', (days) => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const startedMs = realWorld.nowMs();
  vi.setSystemTime(Date.now() + days * 86_400_000);
  const passedMs = realWorld.nowMs() - startedMs;
  expect(passedMs).toBeGreaterThanOrEqual(0);
  expect(passedMs).toBeLessThan(60_000);
});

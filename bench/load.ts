import { build, type Histogram } from 'hdr-histogram-js';
import type { Sample } from './scenario.ts';

/** One unit of work; its promise settles when the work is done. */
export type Work = () => Promise<unknown>;

/** An empty histogram for microseconds, 1 to a minute and more, three digits exact. */
export function newHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
    autoResize: true,
  });
}

/** So many workers, each of which begins its next work when the last is done. Value: works/s. */
export async function closedLoop(
  work: Work,
  { inFlight, durationMs }: { readonly inFlight: number; readonly durationMs: number },
): Promise<Sample> {
  const latencyUs = newHistogram();
  const startedMs = performance.now();
  const endMs = startedMs + durationMs;
  const worker = async (): Promise<void> => {
    for (let fromMs = startedMs; fromMs < endMs; ) {
      await work();
      const nowMs = performance.now();
      latencyUs.recordValue(Math.round((nowMs - fromMs) * 1_000));
      fromMs = nowMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return { value: perSecond(latencyUs.totalCount, startedMs), latencyUs };
}

/**
 * Work that begins at fixed times, whether or not earlier work is done, as requests of strangers do.
 * Latency counts from the time at which work should have begun, so that a pause of the system shows
 * in all that came due meanwhile. Value: works/s.
 */
export async function openLoop(
  work: Work,
  { rate, durationMs }: { readonly rate: number; readonly durationMs: number },
): Promise<Sample> {
  const latencyUs = newHistogram();
  const running = new Set<Promise<void>>();
  const startedMs = performance.now();
  const count = Math.floor((rate * durationMs) / 1_000);
  const finish = async (dueMs: number): Promise<void> => {
    await work();
    latencyUs.recordValue(Math.round((performance.now() - dueMs) * 1_000));
  };
  const begin = (dueMs: number): void => {
    const done = finish(dueMs).finally(() => running.delete(done));
    running.add(done);
  };
  for (let begun = 0; begun < count; ) {
    const dueMs = startedMs + (begun * 1_000) / rate;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await pause(waitMs);
    else {
      begin(dueMs);
      begun += 1;
    }
  }
  await Promise.all(running);
  return { value: perSecond(latencyUs.totalCount, startedMs), latencyUs };
}

function perSecond(count: number, startedMs: number): number {
  return (count * 1_000) / (performance.now() - startedMs);
}

/** Timers come up to a millisecond late, so the last one is spent in turns of the event loop. */
function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    if (waitMs > 2) setTimeout(resolve, waitMs - 1);
    else setImmediate(resolve);
  });
}

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
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
  const count = Math.max(1, Math.floor((rate * durationMs) / 1_000));
  const running: Promise<void>[] = [];
  const finish = async (dueMs: number): Promise<void> => {
    await work();
    latencyUs.recordValue(Math.round((performance.now() - dueMs) * 1_000));
  };
  const pacemaker = new Worker(new URL('./support/pacemaker.mjs', import.meta.url), {
    workerData: { rate, count },
  });
  await once(pacemaker, 'message'); // it listens
  const startedMs = performance.now();
  pacemaker.postMessage(Number(process.hrtime.bigint()), []);
  await new Promise<void>((resolve, reject) => {
    pacemaker.on('error', reject);
    pacemaker.on('message', (due: number) => {
      while (running.length < due)
        running.push(finish(startedMs + (running.length * 1_000) / rate));
      if (due === count) resolve();
    });
  });
  await Promise.all(running);
  return { value: perSecond(latencyUs.totalCount, startedMs), latencyUs };
}

function perSecond(count: number, startedMs: number): number {
  return (count * 1_000) / (performance.now() - startedMs);
}

import { setTimeout as delay } from 'node:timers/promises';

/** A cache as the race sees it. */
export interface RacingCache {
  read(key: string, load: () => Promise<Row>): Promise<number>;
  /** Tells of a write that the database has committed. It may be late, and out of order. */
  written(key: string, version: number): Promise<void>;
}

/** What the database holds of a key. */
export interface Row {
  readonly version: number;
}

interface Seen {
  readonly key: string;
  readonly beganAt: number;
  readonly endedAt: number;
  readonly version: number;
}

/** What a race showed. */
export interface RaceResult {
  readonly reads: number;
  readonly loads: number;
  /** Reads that gave an older version than one that had ended before they began. */
  readonly wentBack: number;
}

/**
 * Readers and writers on a few keys. A write is committed in the database at once and reaches the
 * cache some milliseconds later, in any order; a reader may be slow between its look into the
 * database and its fill.
 */
export async function race(
  cache: RacingCache,
  { keys, writes, readers, random }: RaceOptions,
): Promise<RaceResult> {
  const versions = new Map<string, number>();
  const seen: Seen[] = [];
  let loads = 0;
  const over = new AbortController();
  const keyAt = (n: number) => `k${n % keys}`;
  const pause = (mostMs: number) => delay(random() * mostMs);

  const load = async (key: string): Promise<Row> => {
    loads++;
    await pause(1);
    const version = versions.get(key) ?? 0;
    await pause(random() < 0.2 ? 8 : 1);
    return { version };
  };
  const reader = async () => {
    while (!over.signal.aborted) {
      const key = keyAt(Math.floor(random() * keys));
      const beganAt = performance.now();
      const version = await cache.read(key, () => load(key));
      seen.push({ key, beganAt, endedAt: performance.now(), version });
      await pause(1);
    }
  };
  const reading = Array.from({ length: readers }, reader);
  const applied: Promise<void>[] = [];
  for (let n = 0; n < writes; n++) {
    const key = keyAt(n);
    const version = (versions.get(key) ?? 0) + 1;
    versions.set(key, version);
    applied.push(pause(10).then(() => cache.written(key, version)));
    await pause(2);
  }
  await Promise.all(applied);
  over.abort();
  await Promise.all(reading);
  return { reads: seen.length, loads, wentBack: countWentBack(seen) };
}

/** How a race is run. */
export interface RaceOptions {
  readonly keys: number;
  readonly writes: number;
  readonly readers: number;
  readonly random: () => number;
}

function countWentBack(seen: readonly Seen[]): number {
  let count = 0;
  for (const key of new Set(seen.map((read) => read.key))) {
    const ofKey = seen.filter((read) => read.key === key);
    const byEnd = ofKey.toSorted((a, b) => a.endedAt - b.endedAt);
    let newest = -1;
    let ended = 0;
    for (const read of ofKey.toSorted((a, b) => a.beganAt - b.beganAt)) {
      for (; (byEnd[ended]?.endedAt ?? Infinity) < read.beganAt; ended++) {
        newest = Math.max(newest, byEnd[ended]?.version ?? -1);
      }
      if (read.version < newest) count++;
    }
  }
  return count;
}

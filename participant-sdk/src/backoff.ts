import type { Ambient } from './ambient.ts';

/** Bounds of a back-off that doubles. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait after the n-th failure in a row (from 1): doubles up to the cap, with jitter of
 * half its length, so that many who fail together do not come back together.
 */
export function backoffMs(ambient: Ambient, { firstMs, maxMs }: Backoff, failures: number): number {
  const fullMs = Math.min(maxMs, firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return fullMs * (0.5 + ambient.random() / 2);
}

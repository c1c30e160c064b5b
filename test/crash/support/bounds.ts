import { boundedScanMs, orderTimeoutMs } from '../services/pace.ts';

/** What may take part in the time that something stays blocked. */
const terms = {
  /** From the moment at which the coordinator's program begins to read its log until it serves. */
  R: 1_000,
  /** Until a service has its session back. */
  S: 1_000,
  /** Between two scans for prepared branches in doubt. */
  Q: boundedScanMs,
  /** Deadline of a transaction, from its begin. */
  D: orderTimeoutMs,
} as const;

/** The bounds of the table, as sums of these. */
export type Bound = 'R+S' | 'S' | 'S+Q' | 'S+2Q' | 'D+S';

/**
 * The one allowance for a machine that does much else as well: how many times its bound something may
 * take. What needs more than the bound itself is counted, and said at the end of a run.
 */
export const allowance = 4;

/** Longest time that a test waits for what a bound limits. */
export function allowedMs(bound: Bound): number {
  const sumMs = bound.split('+').reduce((sum, term) => sum + termMs(term), 0);
  return sumMs * allowance;
}

function termMs(term: string): number {
  const [, count = '', name = ''] = /^(\d*)([RSQD])$/.exec(term) ?? [];
  return Number(count || 1) * terms[name as keyof typeof terms];
}

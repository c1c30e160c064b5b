import { boundedScanMs, orderTimeoutMs } from '../services/pace.ts';

/** What may take part in the time that something stays blocked. */
const terms = {
  /** From the moment at which the coordinator's program begins to read its log until it serves. */
  R: { ms: 1_000, isWork: true },
  /** Until a service has its session back, and has heard what it needs. */
  S: { ms: 1_000, isWork: true },
  /** Between two scans for prepared branches in doubt. */
  Q: { ms: boundedScanMs, isWork: false },
  /** Deadline of a transaction, from its begin. */
  D: { ms: orderTimeoutMs, isWork: false },
  /** Until a connection that is dead without a word is given up. */
  K: { ms: 5_000, isWork: false },
} as const;

/** The bounds, as sums of these. */
export type Bound = 'R+S' | 'S' | 'S+Q' | 'S+2Q' | 'D+S' | 'K+S' | 'K+S+Q';

/**
 * The one allowance for a machine that does much else as well: how many times the time for work may be
 * taken; timers are as late as they say. What needs more than its bound is counted, and told at the end
 * of a run.
 */
const allowance = 4;

/** Longest time that a bound gives. */
export function boundMs(bound: Bound): number {
  return sumMs(bound, 1);
}

/** Longest time that a test waits for what a bound limits. */
export function allowedMs(bound: Bound): number {
  return sumMs(bound, allowance);
}

function sumMs(bound: Bound, slowness: number): number {
  return bound.split('+').reduce((sum, text) => {
    const [, count = '', name = ''] = /^(\d*)([RSQDK])$/.exec(text) ?? [];
    const { ms, isWork } = terms[name as keyof typeof terms];
    return sum + Number(count || 1) * ms * (isWork ? slowness : 1);
  }, 0);
}

import type { Family } from './families.ts';
import type { WorldPlan } from './plan.ts';
import type { Random } from './random.ts';
import type { Boundary } from './sim-process.ts';

/** Something goes wrong. */
export interface FaultPlan {
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Which service, resource manager or coordinator; taken modulo. */
  readonly target: number;
  /** How long it lasts. */
  readonly forMs: number;
  /** For a crash at a boundary: which, and how many come before. */
  readonly boundary?: { readonly at: Boundary; readonly skip: number };
  /** A number between 0 and 1 for whatever else must be chosen. */
  readonly choice: number;
}

const faultKinds = [
  'crash-coordinator',
  'crash-coordinator-at',
  'crash-service',
  'crash-service-at',
  'pause-coordinator',
  'pause-service',
  'drain-coordinator',
  'close-service',
  'supersede',
  'reset',
  'half-open',
  'one-way',
  'stall',
  'partition',
  'restart-rm',
  'slow-rm',
  'by-hand',
  'by-hand-in-outage',
  'forget-receipts',
  'restore-rm',
  'log-write-fails',
  'log-sync-fails',
  'log-tears',
  'log-full',
  'clock-jumps',
  'target-down',
  'resolve',
] as const;

/** What can go wrong. */
export type FaultKind = (typeof faultKinds)[number];

/** Faults that excuse others, and so are rare. */
const rare: ReadonlySet<FaultKind> = new Set(['forget-receipts', 'restore-rm']);

/** Draws what goes wrong in a run, and when. */
export function drawFaults(random: Random, world: WorldPlan, family: Family): FaultPlan[] {
  const from = family.faults ?? faultKinds;
  const on = from.filter((kind) => random.chance(rare.has(kind) ? 0.3 : family.faultChance));
  if (on.length === 0) return [];
  const [least, most] = family.faultCount;
  return Array.from({ length: random.int(least, most) }, () => {
    const kind = random.pick(on);
    const isAt = kind === 'crash-coordinator-at' || kind === 'crash-service-at';
    const places: readonly Boundary[] =
      kind === 'crash-coordinator-at' ? ['frame', 'log'] : ['frame', 'rm', 'rm', 'call'];
    return {
      atMs: Math.round(random.next() * world.durationMs * 10) / 10,
      kind,
      target: random.int(0, 5),
      forMs: random.pick([1, 20, 100, 500, 3_000]),
      ...(isAt && { boundary: { at: random.pick(places), skip: random.int(0, 30) } }),
      choice: random.next(),
    };
  });
}

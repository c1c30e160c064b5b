import type { FaultKind } from './fault-plan.ts';
import type { TransactionKind, WorldPlan } from './plan.ts';
import type { Random } from './random.ts';

/** What a run is about. Most are about anything; some are short, and look for what is rare there. */
export interface Family {
  readonly name: string;
  /** Share of the usual number of transactions. */
  readonly share: number;
  /** Faults of which such a run draws; undefined: any. */
  readonly faults?: readonly FaultKind[];
  /** How often each of them is on. */
  readonly faultChance: number;
  /** Least and most faults of a run. */
  readonly faultCount: readonly [number, number];
  /** How transactions end; undefined: in any way. */
  readonly kinds?: readonly TransactionKind[];
  /** Least numbers of databases and services. */
  readonly natives: number;
  readonly services: number;
  /** Rows that a step writes; 0: it only reads. */
  readonly writes: readonly number[];
  /** How often a step may be another service's. */
  readonly elsewhere: number;
  /** What the world must have, so that it can happen. */
  readonly world: (random: Random, world: WorldPlan) => Partial<WorldPlan>;
}

const usualWrites: readonly number[] = [0, 1, 1, 1, 2, 3];

const anything: Family = {
  name: 'anything',
  share: 1,
  natives: 1,
  services: 1,
  faultChance: 0.4,
  faultCount: [2, 80],
  writes: usualWrites,
  elsewhere: 0.3,
  world: () => ({}),
};

/**
 * People end branches while the coordinator, the service or its connection is down. The log must
 * remember long enough for scans to compare; branches must be prepared for long enough to be ended.
 */
const hands: Family = {
  name: 'hands',
  share: 0.4,
  natives: 2,
  services: 1,
  faults: ['by-hand', 'by-hand-in-outage', 'crash-service-at', 'crash-coordinator', 'reset'],
  faultChance: 0.8,
  faultCount: [120, 320],
  writes: usualWrites,
  elsewhere: 0.3,
  world: (random, { rates }) => ({
    durationMs: 5_000,
    onePhase: false,
    netMs: random.pick([5, 20, 20]),
    syncMs: random.pick([10, 50]),
    rmMs: random.pick([2, 10]),
    retainOutcomesMs: 900_000,
    retainOutcomes: 100_000,
    rates: { ...rates, refuse: 0.1 + random.next() * 0.3 },
  }),
};

/** A called handler still works when its caller has given up and commits; statements are forgotten. */
const lateWork: Family = {
  name: 'late work',
  share: 0.5,
  natives: 1,
  services: 2,
  faults: ['stall', 'slow-rm', 'pause-service', 'reset'],
  faultChance: 0.4,
  faultCount: [0, 50],
  writes: [1, 2, 3, 5],
  elsewhere: 0.8,
  kinds: ['gives-up-call', 'gives-up-call', 'gives-up-call', 'late', 'not-awaited', 'plain'],
  world: (random, { rates }) => ({
    maxBranches: 64,
    maxOpen: 10_000,
    durationMs: 5_000,
    netMs: random.pick([0.5, 2]),
    rmMs: random.pick([2, 10]),
    timeoutMs: 10_000,
    rates: { ...rates, loseCall: 0, refuse: 0 },
  }),
};

const families: readonly Family[] = [anything, hands, anything, lateWork];

/** Every few seeds in a row have each family among them. */
export function familyOf(seed: number): Family {
  return families[seed % families.length] ?? anything;
}

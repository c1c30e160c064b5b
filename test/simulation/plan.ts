import { type Family, familyOf } from './families.ts';
import { drawFaults, type FaultPlan } from './fault-plan.ts';
import { Random } from './random.ts';

/** What a run is made of: where a seed leads, as data that can be made smaller. */
export interface Plan {
  readonly seed: number;
  readonly world: WorldPlan;
  readonly transactions: readonly TransactionPlan[];
  readonly faults: readonly FaultPlan[];
}

/** Topology, timeouts, limits and rates. */
export interface WorldPlan {
  readonly durationMs: number;
  /** Resource managers by number: first databases, then those that are logged. */
  readonly natives: number;
  readonly logged: number;
  /** Queues in SQLite files, after those. */
  readonly queues: number;
  /** How long a queue keeps receipts of what is over. */
  readonly keepReceiptsMs: number;
  /** For each service process, the resource managers that it serves. */
  readonly services: readonly (readonly number[])[];
  readonly onePhase: boolean;
  readonly codec: boolean;
  readonly foreign: boolean;
  /** At the end an old backup of the log is put in its place, and must be noticed. */
  readonly restoreLog: boolean;
  /** A backup taken at the first moment is put in the log's place at the second, in mid-run. */
  readonly oldLog: readonly [number, number] | undefined;
  readonly turnMs: number;
  readonly netMs: number;
  readonly syncMs: number;
  readonly rmMs: number;
  readonly scanIntervalMs: number;
  readonly timeoutMs: number;
  readonly waitAppliedMs: number;
  readonly connectTimeoutMs: number;
  readonly applyTimeoutMs: number;
  readonly maxOpen: number;
  readonly maxBranches: number;
  readonly maxPayloadBytes: number;
  readonly maxUnappliedBytes: number;
  readonly retainOutcomesMs: number;
  readonly retainOutcomes: number;
  readonly rates: Rates;
}

/** How often small things go wrong, from 0 to 1. */
export interface Rates {
  /** A resource manager refuses a statement or a vote. */
  readonly refuse: number;
  /** An answer of a resource manager is lost; what was asked may have been done. */
  readonly loseAnswer: number;
  /** A statement is executed long after it was sent. */
  readonly slowStatement: number;
  /** A call between services is lost, or its answer. */
  readonly loseCall: number;
  /** A target takes an effect and does not say so, or does not take it. */
  readonly failApply: number;
  /** A process dies beside a commit to a queue's file, or its disk fails. */
  readonly failQueue: number;
  /** A connection says that its receiver is slow. */
  readonly slowReceiver: number;
}

/** How a transaction ends, and what is odd about it. */
export type TransactionKind =
  | 'plain'
  | 'decided'
  | 'retry'
  | 'throws'
  | 'signal'
  | 'explicit'
  | 'explicit-abort'
  | 'not-awaited'
  | 'gives-up-call'
  | 'late'
  | 'unary';

/** One transaction of the workload. */
export interface TransactionPlan {
  /** Its number, which stays the same when others are taken away. */
  readonly number: number;
  readonly atMs: number;
  /** The service that begins it. */
  readonly service: number;
  readonly kind: TransactionKind;
  readonly steps: readonly StepPlan[];
  readonly timeoutMs: number;
  /** When somebody asks for its outcome again; 0: nobody does. */
  readonly askAfterMs: number;
}

/** One piece of work in it. */
export interface StepPlan {
  readonly rm: number;
  /** The service that does it. */
  readonly service: number;
  /** Rows or effects; 0: it only reads. */
  readonly writes: number;
}

const kinds: readonly TransactionKind[] = [
  ...Array.from({ length: 10 }, () => 'plain' as const),
  'decided',
  'decided',
  'retry',
  'retry',
  'throws',
  'signal',
  'explicit',
  'explicit-abort',
  'not-awaited',
  'gives-up-call',
  'gives-up-call',
  'late',
  'late',
  'unary',
  'unary',
];

/** Share of the runs with a queue. */
const queueShare = 0.3;

/** Name of a resource manager, by its number in the plan. */
export function rmName(index: number): string {
  return `rm${index + 1}`;
}

/** Draws a run from its seed: which faults are on, and every timeout, batch and limit. */
export function planOf(seed: number, transactions = 3_000): Plan {
  const random = Random.of(seed, 'plan');
  const family = familyOf(seed);
  const world = drawWorld(random, family);
  const count = Math.ceil(transactions * family.share);
  return {
    seed,
    world,
    transactions: drawTransactions(random, world, count, family),
    faults: random.chance(0.06) ? [] : drawFaults(random, world, family),
  };
}

function drawWorld(random: Random, family: Family): WorldPlan {
  const natives = random.int(family.natives, 3);
  const logged = random.int(0, 2);
  const queues = random.chance(queueShare) ? 1 : 0;
  const rms = natives + logged + queues;
  const services = Array.from({ length: random.int(family.services, 4) }, () =>
    Array.from({ length: rms }, (_, rm) => rm).filter(() => random.chance(0.6)),
  );
  // Every resource manager is served by somebody.
  for (let rm = 0; rm < rms; rm++) {
    if (!services.some((served) => served.includes(rm))) random.pick(services).push(rm);
  }
  const absurd = (usual: readonly number[], odd: readonly number[]) =>
    random.pick(random.chance(0.12) ? odd : usual);
  const isWild = random.chance(0.7);
  const rate = (most: number) => (isWild && random.chance(0.6) ? random.next() * most : 0);
  const drawn: WorldPlan = {
    durationMs: random.pick([500, 1_500, 5_000]),
    natives,
    logged,
    queues,
    keepReceiptsMs: absurd([600_000], [1, 500]),
    services,
    onePhase: random.chance(0.7),
    codec: random.chance(0.04),
    foreign: random.chance(0.2),
    restoreLog: random.chance(0.2) && queues === 0,
    oldLog: undefined,
    turnMs: random.pick([0, 0.1, 0.5, 1, 2]),
    netMs: random.pick([0, 0.5, 2, 20]),
    syncMs: random.pick([0, 0.5, 2, 10, 50]),
    rmMs: random.pick([0, 0.5, 2, 10]),
    scanIntervalMs: absurd([200, 1_000, 5_000], [1, 7, 30]),
    timeoutMs: absurd([500, 2_000, 10_000], [20, 100]),
    waitAppliedMs: absurd([200, 1_000, 5_000], [0, 1]),
    connectTimeoutMs: absurd([1_000, 10_000], [1, 50]),
    applyTimeoutMs: absurd([500, 30_000], [1, 20]),
    maxOpen: absurd([1_000, 10_000], [2, 20]),
    maxBranches: absurd([64], [1, 2]),
    maxPayloadBytes: absurd([262_144], [110, 150]),
    maxUnappliedBytes: absurd([67_108_864], [1, 200]),
    retainOutcomesMs: absurd([200, 2_000, 900_000], [1]),
    retainOutcomes: absurd([100_000], [1, 3]),
    rates: {
      refuse: rate(0.1),
      loseAnswer: rate(0.06),
      slowStatement: rate(0.05),
      loseCall: rate(0.08),
      failApply: rate(0.2),
      failQueue: random.pick([0, 0.01, 0.05, 0.1]),
      slowReceiver: rate(0.1),
    },
  };
  const wanted = { ...drawn, ...family.world(random, drawn) };
  // Who scans all the time does little else: half a second of it says as much as five.
  const { scanIntervalMs, timeoutMs: usualTimeoutMs } = wanted;
  const timeoutMs = Math.min(usualTimeoutMs, 500);
  const world = scanIntervalMs > 100 ? wanted : { ...wanted, timeoutMs, durationMs: 500 };
  // Whoever gives up before any answer can come never serves, and what it owes is owed for ever.
  const { netMs, turnMs, rmMs, syncMs, durationMs } = world;
  const answerMs = Math.ceil(2 * (netMs + turnMs + rmMs) + syncMs) + 2;
  const backupAtMs = random.next() * durationMs;
  const replacedAtMs = backupAtMs + random.next() * (durationMs - backupAtMs);
  const hasOldLog = random.chance(0.35) && world.queues === 0;
  const oldLog = hasOldLog ? ([backupAtMs, replacedAtMs] as const) : undefined;
  return { ...world, oldLog, connectTimeoutMs: Math.max(world.connectTimeoutMs, answerMs) };
}

function drawTransactions(
  random: Random,
  world: WorldPlan,
  count: number,
  family: Family,
): TransactionPlan[] {
  const { services, durationMs, natives, logged, queues } = world;
  const strange = family.kinds !== undefined || random.chance(0.75);
  const makeStep = (own: number): StepPlan | undefined => {
    const service = random.chance(1 - family.elsewhere) ? own : random.int(0, services.length - 1);
    const served = services[service] ?? [];
    if (served.length === 0) return undefined;
    return { rm: random.pick(served), service, writes: random.pick(family.writes) };
  };
  return Array.from({ length: count }, (_, index) => {
    const service = random.int(0, services.length - 1);
    const length = random.pick([1, 2, 2, 3, natives + logged + queues]);
    const steps = Array.from({ length }, () => makeStep(service)).filter((step) => !!step);
    return {
      number: index + 1,
      atMs: Math.round(random.next() * durationMs * 10) / 10,
      service,
      kind: strange ? random.pick(family.kinds ?? kinds) : 'plain',
      steps,
      timeoutMs: random.chance(0.05) ? random.pick([1, 5, 30]) : world.timeoutMs,
      askAfterMs: random.chance(0.1) ? random.int(1, 2_000) : 0,
    };
  });
}

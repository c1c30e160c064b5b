import type { Gid, LogId } from '@unanimous/proto';
import { type UnaryHandlers, unaryHandlers } from '../../coordinator/src/api/unary.ts';
import { UnanimousError } from '@unanimous/proto';
import { Coordinator } from '../../coordinator/src/coordinator.ts';
import type { Limits } from '../../coordinator/src/limits.ts';
import { type Logger, logEvents, silent } from '../../coordinator/src/log-events.ts';
import {
  copyMemoryDisk,
  MemoryDecisionLog,
  type MemoryDisk,
  newMemoryDisk,
} from '../../coordinator/src/log/memory-log.ts';
import type { Acceptor } from './network.ts';
import type { Simulation } from './simulation.ts';
import type { SimProcess } from './sim-process.ts';

type DiskFault = 'write' | 'sync' | 'tear';

/** The coordinator's service: its disk, and one process after another on it. */
export class CoordinatorNode {
  disk: MemoryDisk;
  /** Incarnations that have come up. */
  starts = 0;
  /** Why the last incarnation stopped by itself. */
  lastFailure: UnanimousError | undefined;
  /** The unary API at the coordinator's address. */
  unary: { readonly process: SimProcess; readonly handlers: UnaryHandlers } | undefined;
  /** Nobody starts it again by itself. */
  isHeld = false;
  /** A disk without room until then. */
  #fullUntilMs = 0;
  #nextFault: DiskFault | undefined;
  #process: SimProcess | undefined;
  #coordinator: Coordinator | undefined;
  #wallClockJumpMs = 0;
  #isStarting = false;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.disk = newMemoryDisk(simulation.random.hex(6) as LogId);
  }

  /** Who takes connections now. */
  get acceptor(): Acceptor | undefined {
    const [process, coordinator] = [this.#process, this.#coordinator];
    return process && coordinator ? { process, coordinator } : undefined;
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  get coordinator(): Coordinator | undefined {
    return this.#coordinator;
  }

  get isUp(): boolean {
    return this.#coordinator !== undefined && this.#process?.isAlive === true;
  }

  /** Starts it; whoever supervises it tries again until it comes up. */
  start(): void {
    const { clock } = this.#simulation;
    if (this.#isStarting || this.isUp) return;
    if (clock.nowMs < this.#fullUntilMs) {
      clock.after(20, () => !this.isHeld && this.start());
      return;
    }
    this.#isStarting = true;
    const process = this.#simulation.newProcess('coordinator');
    this.#process = process;
    this.#coordinator = undefined;
    const log = this.#newLog(process);
    process.onDeath(() => this.#died(process, log));
    void this.#startOn(process, log);
  }

  async #startOn(process: SimProcess, log: MemoryDecisionLog): Promise<void> {
    const { clock, tell } = this.#simulation;
    try {
      const world = process.world(() => 1_700_000_000_000 + clock.nowMs + this.#wallClockJumpMs);
      const logger = this.#logger(process);
      const coordinator = await Coordinator.start({ log, world, limits: this.#limits(), logger });
      if (!process.isAlive) return;
      this.#isStarting = false;
      this.#coordinator = coordinator;
      const running = () => {
        coordinator.checkRunning();
        return coordinator;
      };
      this.unary = { process, handlers: unaryHandlers({ running, logger, world }) };
      this.starts += 1;
      tell?.(`the coordinator is up, in epoch ${coordinator.incarnation.epoch}`);
      coordinator.onStopped((error) => this.#stopped(process, error));
    } catch (error) {
      tell?.(`${process.name} does not start: ${(error as Error).message}`);
      process.kill();
    }
  }

  /** The process dies at once. */
  crash(): void {
    const process = this.#process;
    if (!process?.isAlive) return;
    this.#simulation.marks.hit('coordinator.crashed');
    this.#markStates();
    process.kill();
  }

  /** Stops in peace, and is started again. */
  drain(withinMs: number): void {
    if (!this.isUp) return;
    this.#simulation.marks.hit('coordinator.drained');
    this.#simulation.tell?.('the coordinator is stopped in peace');
    void this.#coordinator?.drain(withinMs);
  }

  /** A second coordinator takes the log over, while the first one is stopped or cut off. */
  supersede(): void {
    const first = this.#process;
    if (!this.isUp || !first || this.#simulation.isHealed) return;
    this.#simulation.marks.hit('coordinator.superseded');
    this.#simulation.tell?.('a second coordinator starts on the same log');
    this.#process = undefined;
    this.#coordinator = undefined;
    this.start();
  }

  fail(how: DiskFault): void {
    this.#nextFault = how;
  }

  fill(forMs: number): void {
    this.#simulation.marks.hit('log.full');
    this.#fullUntilMs = this.#simulation.clock.nowMs + forMs;
  }

  jumpClock(byMs: number): void {
    this.#wallClockJumpMs += byMs;
  }

  heal(): void {
    this.#nextFault = undefined;
    this.#fullUntilMs = 0;
    this.#process?.wake();
    if (!this.isUp && !this.#isStarting) this.start();
  }

  backup(): MemoryDisk {
    return copyMemoryDisk(this.disk);
  }

  /** Somebody stops it, puts another log in its place, and starts it. */
  replaceLog(disk: MemoryDisk): void {
    this.#process?.kill();
    this.disk = disk;
    this.lastFailure = undefined;
    this.start();
  }

  #newLog(process: SimProcess): MemoryDecisionLog {
    const { clock, marks, plan } = this.#simulation;
    const { random } = process;
    return new MemoryDecisionLog({
      disk: this.disk,
      newNonce: () => random.hex(8),
      setTimer: (delayMs, callback) => process.after(delayMs, callback),
      beforeHolds: () =>
        new Promise((resolve) => {
          process.later(random.delay(0, plan.world.syncMs), resolve);
        }),
      beforeWrite: () =>
        new Promise((resolve, reject) => {
          if (!process.effect('log')) return;
          process.later(random.delay(plan.world.syncMs / 4, plan.world.syncMs), () => {
            const isFull = clock.nowMs < this.#fullUntilMs;
            if (!isFull && this.#nextFault !== 'write') return resolve();
            if (!isFull) this.#nextFault = undefined;
            marks.hit('log.write-failed');
            reject(new UnanimousError('log-failed', isFull ? 'disk full' : 'write error'));
          });
        }),
      tear: (appends) => {
        if (this.#nextFault !== 'tear') return undefined;
        this.#nextFault = undefined;
        marks.hit('log.write-failed');
        return random.int(0, appends);
      },
      afterWrite: async () => {
        if (!process.effect('log')) await new Promise(() => {});
        if (this.#nextFault !== 'sync') return;
        this.#nextFault = undefined;
        marks.hit('log.sync-failed');
        throw new UnanimousError('log-failed', 'fsync failed');
      },
    });
  }

  #died(process: SimProcess, log: MemoryDecisionLog): void {
    const { marks, random, tell, clock } = this.#simulation;
    const { inFlight } = log;
    const kept = random.chance(0.4) ? 0 : random.int(0, inFlight);
    log.crash(kept);
    if (inFlight > 0) {
      if (kept === 0) marks.hit('log.crash-lost');
      else marks.hit(kept === inFlight ? 'log.crash-kept' : 'log.crash-torn');
    }
    const of = inFlight === 0 ? '' : `; ${kept} of ${inFlight} appends on their way land`;
    tell?.(`${process.name} is dead${of}`);
    if (process !== this.#process) return;
    this.#isStarting = false;
    this.#coordinator = undefined;
    clock.after(random.delay(1, 300), () => !this.isHeld && this.start());
  }

  #stopped(process: SimProcess, error: UnanimousError | undefined): void {
    const { marks, tell } = this.#simulation;
    if (!process.isAlive) return;
    if (error) tell?.(`${process.name} stops by itself: ${error.code}: ${error.message}`);
    if (error?.code === 'not-active') marks.hit('coordinator.fenced');
    if (error?.code === 'log-restored') marks.hit('log.restored');
    if (process === this.#process) this.lastFailure = error;
    // Its last frames may still leave before the process ends.
    process.after(1, () => process.kill());
  }

  #limits(): Partial<Limits> {
    const { world } = this.#simulation.plan;
    const { maxOpen, maxBranches, maxPayloadBytes, maxUnappliedBytes } = world;
    const { retainOutcomesMs, retainOutcomes } = world;
    const limits = { maxOpen, maxBranches, maxPayloadBytes, maxUnappliedBytes };
    return { ...limits, retainOutcomesMs, retainOutcomes };
  }

  #logger(process: SimProcess): Logger {
    const { marks, tell } = this.#simulation;
    if (!tell) {
      const debug: Logger['debug'] = ({ event }) => {
        if (event === logEvents.outcomesForgotten) marks.hit('log.compacted');
      };
      return { ...silent, debug };
    }
    const say = (fields: { readonly event: string } & Record<string, unknown>) => {
      if (!process.isAlive) return;
      const { event, gid = '', branch = '', rm = '' } = fields;
      tell(`${process.name} logs ${event} ${[gid, branch, rm].join(' ')}`.trim());
      if (event === logEvents.outcomesForgotten) marks.hit('log.compacted');
    };
    return { debug: say, info: say, warn: say, error: say };
  }

  /** It waits for acknowledgements of the transaction. */
  isOwed(gid: Gid): boolean {
    return this.#coordinator?.transactions.find(gid)?.state.phase === 'committing';
  }

  #markStates(): void {
    const { marks, states } = this.#simulation;
    for (const { state } of this.#coordinator?.transactions.all() ?? []) {
      states.add(`${state.phase}: ${state.branches.map((b) => b.state.is).join(', ')}`);
      if (state.phase === 'deciding') marks.hit('coordinator.crashed-deciding');
      if (state.phase === 'delegated') marks.hit('coordinator.crashed-delegated');
      if (state.phase === 'committing') marks.hit('coordinator.crashed-committing');
    }
  }
}

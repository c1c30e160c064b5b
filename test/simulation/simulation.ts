import { formatGid, type LogId } from '@unanimous/proto';
import { Checker } from './checker.ts';
import { SimClock } from './clock.ts';
import { CoordinatorNode } from './coordinator-node.ts';
import { Faults } from './faults.ts';
import { Ledger } from './ledger.ts';
import { Marks } from './marks.ts';
import { Network, serviceOf } from './network.ts';
import { resolveHeuristics } from './operators.ts';
import { OldLog } from './old-log.ts';
import { makePlaces } from './places.ts';
import type { Plan, Rates } from './plan.ts';
import { Random } from './random.ts';
import { RestoredLog } from './restored-log.ts';
import type { RunReport } from './run-report.ts';
import { ServiceNode } from './service-node.ts';
import type { SimDatabase } from './sim-database.ts';
import type { Row } from './sim-row.ts';
import { type Boundary, SimProcess } from './sim-process.ts';
import type { SimQueue } from './sim-queue.ts';
import type { SimTarget } from './sim-target.ts';
import { downSentence, startSentence, Story, upSentence } from './story.ts';
import { Workload } from './workload.ts';

/** After the faults stop, everything must have come to its end within this time. */
const patienceMs = 120_000;

const noRates: Rates = {
  refuse: 0,
  loseAnswer: 0,
  slowStatement: 0,
  loseCall: 0,
  failApply: 0,
  failQueue: 0,
  slowReceiver: 0,
};

/** A crash that waits for its boundary. */
interface Armed {
  readonly at: Boundary;
  skip: number;
}

/** A whole world in one thread: a coordinator, services, resource managers, and what fails. */
export class Simulation {
  readonly plan: Plan;
  readonly clock: SimClock;
  readonly random: Random;
  readonly marks = new Marks();
  readonly states = new Set<string>();
  readonly ledger: Ledger;
  readonly network: Network;
  readonly coordinatorNode: CoordinatorNode;
  readonly databases: readonly SimDatabase[];
  readonly targets: readonly SimTarget[];
  readonly queues: readonly SimQueue[];
  readonly services: readonly ServiceNode[];
  readonly workload: Workload;
  readonly checker: Checker;
  readonly tell: ((sentence: string) => void) | undefined;
  /** The faults have stopped. */
  isHealed = false;
  crashes = 0;
  readonly #story: Story | undefined;
  readonly #faults: Faults;
  readonly #armed = new Map<SimProcess, Armed>();
  readonly #living = new Set<SimProcess>();
  readonly #foreign = new Set<Row>();
  readonly #names = new Map<string, number>();
  readonly #restoredLog = new RestoredLog(this);
  readonly oldLog = new OldLog(this);

  constructor(plan: Plan, isTold: boolean) {
    this.plan = plan;
    const hasQueue = plan.world.queues > 0;
    this.clock = new SimClock((error) => this.#thrown('a process died of', error), hasQueue);
    this.random = Random.of(plan.seed, 'world');
    if (isTold) this.#story = new Story(() => this.clock.nowMs);
    this.tell = this.#story && ((sentence) => this.#story?.tell(sentence));
    const { clock, marks } = this;
    this.ledger = new Ledger({
      marks,
      nowMs: () => clock.nowMs,
      preparedIn: (gid) => {
        const database = this.databases.find((one) => one.hasPrepared(gid));
        return (database ?? this.queues.find((one) => one.hasPrepared(gid)))?.rm;
      },
      mayRepeat: plan.world.oldLog !== undefined,
    });
    const { ledger, rates, tell } = this;
    const shared = { clock, marks, ledger, rates, ...(tell && { tell }) };
    const places = makePlaces(plan, shared, (by, one) => this.#interrupt(by, one));
    this.databases = places.databases;
    this.targets = places.targets;
    this.queues = places.queues;
    this.coordinatorNode = new CoordinatorNode(this);
    this.network = this.#newNetwork();
    this.services = plan.world.services.map(
      (serves, index) => new ServiceNode(this, index, serves),
    );
    this.workload = new Workload(this);
    this.checker = new Checker(this);
    this.#faults = new Faults(this);
  }

  /** How often small things go wrong now. */
  readonly rates = (): Rates => (this.isHealed ? noRates : this.plan.world.rates);

  #newNetwork(): Network {
    const { codec, netMs } = this.plan.world;
    const { tell, clock, marks } = this;
    return new Network({
      clock,
      marks,
      random: Random.of(this.plan.seed, 'network'),
      netMs,
      codec,
      slowReceiver: () => this.rates().slowReceiver,
      acceptor: () => this.coordinatorNode.acceptor,
      onFrame: (frame, to, from) => {
        if (this.oldLog.isBusy) this.oldLog.spoken(frame, to, from);
        this.ledger.frame(frame);
      },
      onArrival: (frame, to) => this.oldLog.arrived(frame, to),
      ...(tell && {
        tellUp: (from, frame) => tell(upSentence(from.name, frame)),
        tellDown: (to, frame) => tell(downSentence(to.name, frame)),
      }),
    });
  }

  /** A new incarnation of a service or of the coordinator. */
  newProcess(name: string): SimProcess {
    const number = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, number);
    const process = new SimProcess({
      name: `${name}#${number}`,
      clock: this.clock,
      random: Random.of(this.plan.seed, `${name}#${number}`),
      turnMs: this.plan.world.turnMs,
      onEffect: (one, boundary) => this.#effect(one, boundary),
    });
    this.#living.add(process);
    process.onDeath(() => {
      this.crashes += 1;
      this.#living.delete(process);
      this.#armed.delete(process);
    });
    return process;
  }

  /** A process dies at an effect to come. */
  arm(process: SimProcess, { at, skip }: { readonly at: Boundary; readonly skip: number }): void {
    this.#armed.set(process, { at, skip });
  }

  #effect(process: SimProcess, boundary: Boundary): void {
    if (this.#armed.size === 0) return;
    const armed = this.#armed.get(process);
    if (armed?.at !== boundary) return;
    armed.skip -= 1;
    if (armed.skip >= 0) return;
    this.#armed.delete(process);
    this.tell?.(`${process.name} dies beside its next effect (${boundary})`);
    if (process === this.coordinatorNode.process) this.coordinatorNode.crash();
    else process.kill();
  }

  isForeign(row: Row): boolean {
    return this.#foreign.has(row);
  }

  /** Just now its connection breaks, with whatever it was about to say, or its listener dies. */
  #interrupt(process: SimProcess, random: Random): void {
    if (this.isHealed || !random.chance(0.8)) return;
    if (random.chance(0.5)) return this.coordinatorNode.crash();
    this.tell?.(`${process.name} loses its connection`);
    for (const one of this.network.of(serviceOf(process))) one.reset();
  }

  /** A database goes back in time; whoever serves it is restarted. */
  restore(database: SimDatabase, toMs: number): void {
    this.tell?.(`${database.rm} is brought back to ${toMs.toFixed(1)} ms`);
    database.restoreTo(toMs);
    const index = this.databases.indexOf(database);
    for (const { serves, service } of this.services) {
      if (serves.includes(index)) service?.process.kill();
    }
  }

  /** Plays the plan to its end. */
  async run(): Promise<RunReport> {
    const onRejection = (error: unknown) => this.#thrown('nobody handled', error);
    process.on('unhandledRejection', onRejection);
    try {
      await this.#play();
    } finally {
      process.off('unhandledRejection', onRejection);
      for (const queue of this.queues) queue.close();
    }
    const { facts, violations } = this.ledger;
    const committed = [...facts.values()].filter((f) => f.toldCommittedMs !== undefined).length;
    return {
      transactions: this.workload.begun,
      committed,
      crashes: this.crashes,
      faults: this.#faults.injected,
      turns: this.clock.turns,
      simulatedMs: this.clock.nowMs,
      states: this.states,
      marks: this.marks,
      violations,
      story: this.#story?.sentences ?? [],
    };
  }

  async #play(): Promise<void> {
    const { clock, plan, ledger } = this;
    this.#plantForeign();
    this.coordinatorNode.start();
    for (const service of this.services) service.start();
    await clock.runUntil(200);
    if (ledger.violations.length === 0) this.#story?.beginAnew();
    this.tell?.(startSentence(plan.world));
    this.workload.startEach(plan.transactions.toSorted((a, b) => a.atMs - b.atMs));
    for (const fault of plan.faults) clock.after(fault.atMs, () => this.#faults.inject(fault));
    if (plan.world.restoreLog) {
      clock.after(plan.world.durationMs / 2, () => this.#restoredLog.takeBackup());
    }
    this.oldLog.schedule();
    const isBroken = () => ledger.violations.length > 0;
    await clock.runUntil(clock.nowMs + plan.world.durationMs + 100, isBroken);
    await clock.runUntil(clock.nowMs + patienceMs, () => isBroken() || !this.oldLog.isBusy);
    if (isBroken()) return;
    this.#heal();
    await this.#settle();
    if (isBroken()) return;
    resolveHeuristics(this);
    await clock.runUntil(clock.nowMs + 500, isBroken);
    this.checker.checkAll();
    if (!isBroken() && plan.world.restoreLog) {
      await this.#restoredLog.putBack(patienceMs);
      await this.#settle();
    }
    for (const row of this.#foreign) {
      if (row.state === 'prepared') this.marks.hit('foreign.left-alone');
      else ledger.violate('rule 19', "another log's branch was ended");
    }
  }

  #heal(): void {
    this.tell?.('Nothing fails from here on');
    this.isHealed = true;
    this.#armed.clear();
    this.network.heal();
    for (const database of this.databases) database.heal();
    for (const target of this.targets) target.heal();
    for (const process of this.#living) {
      process.wake();
      const isOld =
        serviceOf(process) === 'coordinator' && process !== this.coordinatorNode.process;
      if (isOld) process.kill(); // one that was superseded, and has not noticed
    }
    this.coordinatorNode.heal();
  }

  /** Liveness: everything comes to its end. */
  async #settle(): Promise<void> {
    const { clock, ledger, checker } = this;
    const untilMs = clock.nowMs + patienceMs;
    let rounds = 0;
    for (;;) {
      const open = checker.unresolved();
      const why = open ?? checker.unreported();
      if (why === undefined || ledger.violations.length > 0) return;
      const rule = open === undefined ? 'heuristic' : 'liveness';
      if (clock.nowMs >= untilMs) return ledger.violate(rule, why);
      await clock.runUntil(clock.nowMs + 100);
      if (++rounds % 20 === 0) resolveHeuristics(this);
    }
  }

  #plantForeign(): void {
    if (!this.plan.world.foreign) return;
    const owner = this.newProcess('stranger');
    for (const database of this.databases) {
      const gid = formatGid('ffffffffffff' as LogId, { epoch: 1, counter: 1 });
      const id = { gid, branch: 1, rm: database.rm, incarnation: database.incarnation };
      const row = database.open(id, owner);
      database.prepare(row);
      this.#foreign.add(row);
    }
  }

  #thrown(what: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.ledger.violate('crash', `${what} ${text.split('\n').slice(0, 4).join(' ')}`);
  }
}

/** Plays a plan. With `isTold` it records the story, which costs time. */
export function simulate(plan: Plan, isTold = false): Promise<RunReport> {
  return new Simulation(plan, isTold).run();
}

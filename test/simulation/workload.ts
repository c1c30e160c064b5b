import { parseHomeGid, UnanimousError } from '@unanimous/proto';
import type { Committed } from '../../participant-sdk/src/client/outcome.ts';
import type { RunOptions } from '../../participant-sdk/src/client/run-transaction.ts';
import { currentScope } from '../../participant-sdk/src/participant/scope.ts';
import { packBaggage } from '../../participant-sdk/src/propagation/join.ts';
import { carryScope } from './carried-scopes.ts';
import type { Fact } from './ledger.ts';
import { rmName, type StepPlan, type TransactionPlan } from './plan.ts';
import { callService, writeStep } from './service-call.ts';
import type { Service } from './service-node.ts';
import type { SimProcess } from './sim-process.ts';
import type { Simulation } from './simulation.ts';
import { UnaryUser } from './unary-user.ts';

/** The users' code: runs one transaction of the plan, and notes what it was told. */
export class Workload {
  /** Transactions that some process has begun, tries included. */
  begun = 0;
  /** Users' calls that have not settled, by their process. */
  readonly running = new Map<TransactionPlan, SimProcess>();
  readonly #simulation: Simulation;
  readonly #outsider: UnaryUser;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#outsider = new UnaryUser(simulation);
  }

  /** Runs each at its time, in their order; only the next one waits among the clock's events. */
  startEach(plans: readonly TransactionPlan[]): void {
    const { clock } = this.#simulation;
    const startMs = clock.nowMs;
    const schedule = (index: number): void => {
      const next = plans[index];
      if (!next) return;
      clock.after(startMs + next.atMs - clock.nowMs, () => {
        schedule(index + 1);
        this.start(next);
      });
    };
    schedule(0);
  }

  /** Runs a transaction now, if its service is up. */
  start(plan: TransactionPlan): void {
    const service = this.#simulation.services[plan.service]?.service;
    if (plan.kind === 'unary') {
      this.#track(plan, this.#outsider.process, () => this.#outsider.run(plan));
    } else if (service && !service.process.isPaused) {
      this.#track(plan, service.process, () => this.#run(service, plan));
    }
  }

  #track(plan: TransactionPlan, process: SimProcess, run: () => Promise<void>): void {
    this.running.set(plan, process); // before it runs: its process may die in its first step
    void run().finally(() => {
      if (this.running.get(plan) === process) this.running.delete(plan);
    });
  }

  /** The calls of a service end with its process. */
  died(process: SimProcess): void {
    for (const [plan, on] of this.running) if (on === process) this.running.delete(plan);
  }

  async #run(service: Service, plan: TransactionPlan): Promise<void> {
    const facts: Fact[] = [];
    const { marks, tell } = this.#simulation;
    try {
      const committed = plan.kind.startsWith('explicit')
        ? await this.#explicit(service, plan, facts)
        : await this.#transaction(service, plan, facts);
      if (!service.process.isAlive || !committed) return;
      this.#heardCommitted(plan, committed, facts);
    } catch (error) {
      if (!service.process.isAlive) return;
      const { code = 'user' } = error as { code?: string };
      tell?.(`transaction ${plan.number} ends with ${code}: ${(error as Error).message}`);
      this.#heardError(error, facts.at(-1));
      if (code === 'user') marks.hit('tx.user-abort');
    }
    const fact = facts.at(-1);
    if (fact && plan.askAfterMs > 0) await this.#askLater(service, plan, fact);
  }

  #transaction(service: Service, plan: TransactionPlan, facts: Fact[]): Promise<Committed> {
    const { kind } = plan;
    const options: RunOptions = {
      timeoutMs: plan.timeoutMs,
      ...(kind === 'decided' && { wait: 'decided' }),
      ...(kind === 'retry' && { retry: { attempts: 3, firstMs: 5, maxMs: 50 } }),
      ...(kind === 'signal' && { signal: this.#signal(service) }),
    };
    return service.tm.transaction(async (transaction) => {
      // Some read the gid, and so may ask for it.
      const gid = plan.number % 3 === 0 ? transaction.gid : ownGid();
      const fact = this.#begin(gid, plan, facts);
      await this.#steps(service, plan, fact);
      if (kind === 'throws') throw new Error('the user changed their mind');
    }, options);
  }

  async #explicit(
    service: Service,
    plan: TransactionPlan,
    facts: Fact[],
  ): Promise<Committed | undefined> {
    const transaction = await service.tm.begin({ timeoutMs: plan.timeoutMs });
    const fact = this.#begin(transaction.gid, plan, facts);
    try {
      await transaction.run(() => this.#steps(service, plan, fact));
    } catch (error) {
      await transaction.abort();
      throw error;
    }
    if (plan.kind === 'explicit-abort') {
      await transaction.abort();
      this.#simulation.ledger.told(fact.gid, 'aborted');
      return undefined;
    }
    const committed = await transaction.commit();
    this.#simulation.marks.hit('tx.explicit');
    return committed;
  }

  #begin(gid: string, plan: TransactionPlan, facts: Fact[]): Fact {
    const fact = this.begin(gid, plan);
    facts.push(fact);
    return fact;
  }

  /** Somebody's transaction has begun. */
  begin(gid: string, plan: TransactionPlan): Fact {
    this.begun += 1;
    this.#simulation.tell?.(`transaction ${plan.number} begins as ${gid}`);
    return this.#simulation.ledger.begun(gid, plan.number);
  }

  async #steps(service: Service, plan: TransactionPlan, fact: Fact): Promise<void> {
    // Every other one is told to the coordinator from the beginning, as if its gid had left.
    if (plan.number % 2 === 0) packBaggage()?.answered();
    const carry = carryScope();
    for (const step of plan.steps) await carry(() => this.#step(service, plan, fact, step));
  }

  async #step(service: Service, plan: TransactionPlan, fact: Fact, step: StepPlan): Promise<void> {
    const { kind } = plan;
    if (step.service !== plan.service) {
      await this.#call(service, plan, fact, step);
      return;
    }
    const group = this.#simulation.ledger.group(fact, rmName(step.rm), step.writes);
    const work = writeStep(service, step, group);
    if (kind === 'not-awaited' && step === plan.steps.at(-1)) {
      fact.mustAbort = service.databases.has(step.rm);
      work.then(undefined, () => undefined);
      this.#simulation.marks.hit('tx.not-awaited');
      return;
    }
    await work;
    group.isFirm = true;
  }

  /** Calls another service, which joins. The call may be lost, or its answer. */
  async #call(service: Service, plan: TransactionPlan, fact: Fact, step: StepPlan): Promise<void> {
    const baggage = packBaggage();
    if (!baggage) throw new Error('no transaction to pass on');
    const isImpatient = plan.kind === 'gives-up-call' || plan.kind === 'late';
    try {
      const limitMs = isImpatient ? 1 + (plan.number % 40) : 1_000;
      await callService(this.#simulation, service.process, { fact, step, baggage, limitMs });
    } catch (error) {
      // Some callers go on without the answer.
      if (!isImpatient || plan.kind === 'late') throw error;
    } finally {
      baggage.answered();
    }
  }

  #signal(service: Service): AbortSignal {
    const controller = new AbortController();
    service.process.after(this.#simulation.random.delay(0, 60), () => controller.abort());
    return controller.signal;
  }

  #heardCommitted(plan: TransactionPlan, committed: Committed, facts: readonly Fact[]): void {
    const { ledger, marks, tell, checker, coordinatorNode } = this.#simulation;
    const { gid: shownGid, applied } = committed;
    const atHome = parseHomeGid(shownGid);
    const gid = atHome?.gid ?? shownGid;
    if (atHome) marks.hit('tx.home');
    tell?.(`transaction ${plan.number} is committed${applied ? ' and applied' : ''}`);
    ledger.told(gid, 'committed');
    marks.hit('tx.committed');
    if (plan.kind === 'decided') marks.hit('tx.decided');
    if (facts.length > 1) marks.hit('tx.retried');
    marks.hit(applied ? 'tx.applied' : 'tx.committed-unapplied');
    if (applied && coordinatorNode.isOwed(gid)) marks.hit('tx.applied-here');
    const fact = ledger.facts.get(gid);
    if (fact) fact.shownGid = shownGid;
    if (applied && fact) checker.checkApplied(fact);
  }

  #heardError(error: unknown, fact: Fact | undefined): void {
    const { ledger, marks } = this.#simulation;
    const { code } = error as { code?: string };
    const why = error instanceof UnanimousError ? error.reason?.code : undefined;
    if (code === 'overloaded') marks.hit('tx.overloaded');
    if (why === 'timeout') marks.hit('tx.timeout');
    if (why === 'session-lost') marks.hit('tx.session-lost');
    if (why === 'handler-running') marks.hit('tx.late-work');
    if (why === 'payload-too-large' || code === 'payload-too-large') {
      marks.hit('tx.payload-too-large');
    }
    if (code === 'cancelled') marks.hit('tx.cancelled');
    if (!fact) return;
    if (error instanceof UnanimousError && error.gid) fact.shownGid = error.gid;
    if (code === 'unknown') {
      if (parseHomeGid(fact.shownGid)) marks.hit('tx.home-unknown');
      fact.wasUnknown = true;
      marks.hit('tx.unknown');
    } else if (code === 'heuristic') marks.hit('tx.heuristic');
    else if (code === 'expired') ledger.told(fact.gid, 'expired');
    else {
      // Whatever else it throws, nothing was written.
      marks.hit('tx.aborted');
      ledger.told(fact.gid, 'aborted');
    }
  }

  async #askLater(service: Service, plan: TransactionPlan, fact: Fact): Promise<void> {
    const { ledger, marks, services } = this.#simulation;
    await new Promise<void>((resolve) => service.process.after(plan.askAfterMs, resolve));
    const asker = services[plan.number % services.length]?.service ?? service;
    if (!asker.process.isAlive) return;
    const died = new Promise<undefined>((resolve) => {
      asker.process.onDeath(() => resolve(undefined));
    });
    try {
      const told = await Promise.race([asker.tm.outcome(fact.shownGid), died]);
      if (!told || !asker.process.isAlive || told.outcome === 'unknown') return;
      const { outcome } = told;
      if (outcome !== 'expired') marks.hit(`asked.${outcome}`);
      ledger.told(fact.gid, outcome);
    } catch {
      // Nobody answered; that says nothing.
    }
  }
}

/** The gid of the transaction in which it is called, unseen by the SDK's user. */
function ownGid(): string {
  const scope = currentScope();
  if (!scope) throw new Error('outside a transaction');
  return scope.transaction.gid;
}

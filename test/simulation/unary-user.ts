import { type Outcome, UnanimousError } from '@unanimous/proto';
import type { Fact } from './ledger.ts';
import { rmName, type TransactionPlan } from './plan.ts';
import { callService } from './service-call.ts';
import type { Simulation } from './simulation.ts';
import type { SimProcess } from './sim-process.ts';
import { callUnary } from './unary-call.ts';

/** How often a commit is asked for again, and then its outcome. */
const patience = { commits: 4, asks: 20, pauseMs: 300 };

/** Begun by this user: gid, and the secret that shows it. */
interface Own {
  readonly gid: string;
  readonly owner: string;
}

/**
 * A user without the SDK: begins, hands work over and calls services, commits, and asks until it
 * knows. No connection is tied to its transactions; one that it leaves ends by its deadline.
 */
export class UnaryUser {
  readonly process: SimProcess;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.process = simulation.newProcess('outsider');
  }

  /** Plays one transaction of the plan to its end. */
  async run(plan: TransactionPlan): Promise<void> {
    const { marks, tell, workload } = this.#simulation;
    let own: Own;
    try {
      const request = { timeoutMs: plan.timeoutMs, name: `unary ${plan.number}` };
      const { gid, owner } = await callUnary(this.#simulation, this.process, 'Begin', request);
      own = { gid, owner };
    } catch {
      return; // nothing is begun, or nobody knows of it
    }
    const fact = workload.begin(own.gid, plan);
    try {
      await this.#work(plan, own, fact);
    } catch (error) {
      tell?.(`transaction ${plan.number} fails: ${(error as Error).message}`);
      await this.#abort(own);
      return;
    }
    if (plan.number % 7 === 0) {
      marks.hit('unary.left');
      return; // it never comes back, and the deadline ends what it began
    }
    await this.#commit(plan, own, fact);
  }

  async #work(plan: TransactionPlan, { gid, owner }: Own, fact: Fact): Promise<void> {
    const { databases, ledger, targets } = this.#simulation;
    for (const step of plan.steps) {
      const isNative = step.rm < databases.length;
      if (isNative) {
        const baggage = { gid, remainingMs: plan.timeoutMs };
        await callService(this.#simulation, this.process, { fact, step, baggage, limitMs: 1_000 });
        continue;
      }
      for (let n = 0; n < step.writes; n++) {
        const group = ledger.group(fact, rmName(step.rm), 1);
        const [row = 0] = group.rows;
        const isQueue = step.rm >= databases.length + targets.length;
        const effect = isQueue ? { topic: 'rows', message: { row } } : { key: row % 5, row };
        const work = Buffer.from(JSON.stringify(effect));
        // Asked again it would be another branch: without an answer the transaction is given up.
        const request = { gid, owner, rm: rmName(step.rm), work };
        await callUnary(this.#simulation, this.process, 'Enlist', request);
        group.isFirm = true;
        this.#simulation.marks.hit(isQueue ? 'unary.enlisted-queue' : 'unary.enlisted');
      }
    }
  }

  async #abort({ gid, owner }: Own): Promise<void> {
    const request = { gid, owner, reason: 'the work failed' };
    await callUnary(this.#simulation, this.process, 'Abort', request).catch(() => undefined);
  }

  /** A commit may be asked for as often as one likes: it answers the same. */
  async #commit(plan: TransactionPlan, { gid, owner }: Own, fact: Fact): Promise<void> {
    const { marks } = this.#simulation;
    const { waitAppliedMs } = this.#simulation.plan.world;
    for (let n = 0; n < patience.commits + patience.asks; n++) {
      if (n > 0) await this.#pause();
      try {
        const outcome =
          n < patience.commits
            ? await callUnary(this.#simulation, this.process, 'Commit', {
                gid,
                owner,
                waitAppliedMs,
              })
            : await callUnary(this.#simulation, this.process, 'Get', { gid });
        if (outcome.kind === 'OUTCOME_UNKNOWN') continue;
        if (n > 0) marks.hit('unary.asked-again');
        this.#heard(plan, outcome, fact);
        return;
      } catch (error) {
        if (!(error instanceof UnanimousError)) throw error;
      }
    }
    fact.wasUnknown = true;
  }

  #heard(plan: TransactionPlan, { kind, applied }: Outcome, fact: Fact): void {
    const { checker, marks, tell } = this.#simulation;
    tell?.(`transaction ${plan.number} hears ${kind}${applied ? ', applied' : ''}`);
    if (kind === 'OUTCOME_ABORTED') marks.hit('unary.aborted');
    if (kind !== 'OUTCOME_COMMITTED') return;
    marks.hit('unary.committed');
    if (applied) checker.checkApplied(fact);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.process.after(patience.pauseMs, resolve));
  }
}

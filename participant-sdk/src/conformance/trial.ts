import {
  Alarms,
  type BranchId,
  type Reason,
  reason as makeReason,
  UnanimousError,
} from '@unanimous/proto';
import { systemAmbient } from '../ambient.ts';
import { LocalTransaction } from '../participant/local-transaction.ts';
import { Scope } from '../participant/scope.ts';
import type { Decided, OpenBranch, PrepareResult, ReadyResult, Resource } from '../resource.ts';
import { bounded } from './bounded.ts';
import { ConformanceError, demand, wordsOf } from './conformance-error.ts';
import type { Instance } from './instance.ts';

const surroundings = { ambient: systemAmbient, alarms: new Alarms(systemAmbient) };

/** A vote as the coordinator hears it. */
export type Vote = PrepareResult | { readonly vote: 'no'; readonly reason: Reason };

/** Of a yes vote, what comes back with the decision. */
export type Voted = Pick<Decided, 'receipt' | 'redo'>;

const nothing: Voted = { receipt: '', redo: new Uint8Array() };

/** One transaction with one branch, moved on by a case as the runtime and coordinator would. */
export class Trial<R extends Resource = Resource> {
  readonly instance: Instance<R>;
  readonly id: BranchId;
  readonly transaction: LocalTransaction;
  /** Given back with a decision; empty before a yes. */
  voted: Voted = nothing;
  /** Hands out the branch although it has voted, as to a caller who had asked for it before. */
  isLate = false;
  /** It voted yes and nobody has told the outcome: to be ended when the case is over. */
  isInDoubt = false;
  readonly #scope: Scope;
  #opening: Promise<OpenBranch> | undefined;
  #branch: OpenBranch | undefined;
  #doom: Reason | undefined;
  #isOver = false;

  constructor(instance: Instance<R>, id: BranchId) {
    this.instance = instance;
    this.id = id;
    this.transaction = new LocalTransaction(id.gid, instance, 600_000, surroundings);
    this.#scope = new Scope(this.transaction, 'statement-running', () => {});
  }

  /** Runs `work` as a function of this transaction. */
  run<T>(work: (resource: R) => Promise<T>): Promise<T> {
    const { resource } = this.instance;
    return this.#scope.run(() => bounded('the work of a transaction', work(resource)));
  }

  /** What `host.branch` gives here. */
  enlist<B extends OpenBranch>(open: (id: BranchId) => B): Promise<B> {
    if (this.#isOver && !this.isLate) {
      const { gid } = this.id;
      return Promise.reject(new UnanimousError('work-after-end', `${gid} is over`, { gid }));
    }
    this.#opening ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        try {
          resolve((this.#branch = open(this.id)));
        } catch (error) {
          reject(error); // the runtime lets such a branch vote no
        }
      });
    });
    return this.#opening as Promise<B>;
  }

  /** Takes over work that came from another language. */
  accept(branch: OpenBranch): void {
    this.#branch = branch;
  }

  /** The branch has failed: it votes no. */
  doom(why: Reason): void {
    this.#doom ??= why;
  }

  /** True when the resource has opened a branch. */
  get hasBranch(): boolean {
    return this.#branch !== undefined;
  }

  /** The open branch. @throws ConformanceError when the work has opened none. */
  get branch(): OpenBranch {
    demand(
      this.#branch !== undefined,
      'work inside a transaction did not ask host.branch() for a branch, so it is written outside',
      'call host.branch(id => …) of the host that attach() was given, for every write, and write ' +
        'by the branch that it resolves to; only where it is undefined no transaction is open',
    );
    return this.#branch;
  }

  /** Asks for the vote as the runtime does: a doomed or busy branch is never prepared. */
  async vote(): Promise<Vote> {
    const { branch } = this;
    const busy = branch.busy();
    const why = this.#doom ?? (busy && makeReason('statement-running', busy, this.id.rm));
    this.#isOver = true;
    if (why) return this.#no(why);
    try {
      const result = await bounded('prepare()', branch.prepare());
      if (result.vote === 'yes') {
        this.voted = { receipt: result.receipt, redo: result.redo };
        this.isInDoubt = true;
      }
      return result;
    } catch (error) {
      if (error instanceof ConformanceError) throw error;
      return this.#no(UnanimousError.from(error, 'prepare-refused').toReason());
    }
  }

  /** As `vote`, of work that nothing speaks against. @throws ConformanceError unless it is a yes. */
  async yes(): Promise<Voted> {
    const vote = await this.vote();
    demand(
      vote.vote === 'yes',
      `a branch whose work had succeeded voted ${
        vote.vote === 'no' ? `no: ${vote.reason.message} (${vote.reason.code})` : vote.vote
      }`,
      'let prepare() make the work durable and resolve with { vote: "yes", receipt, redo }; ' +
        'read-only is for branches that wrote nothing',
    );
    return this.voted;
  }

  /** One phase, before the permission. */
  async ready(): Promise<ReadyResult> {
    this.#isOver = true;
    try {
      return await bounded('ready()', this.branch.ready());
    } catch (error) {
      if (error instanceof ConformanceError) throw error;
      throw new ConformanceError(
        `ready() threw for a branch whose work had succeeded: ${wordsOf(error)}`,
        'let ready() end the work and resolve with a receipt, or set canOnePhase to false',
        error,
      );
    }
  }

  /** Ends a branch that has not voted yes. */
  async rollback(): Promise<void> {
    this.#isOver = true;
    try {
      await bounded('rollback()', this.branch.rollback());
    } catch (error) {
      if (error instanceof ConformanceError) throw error;
      throw new ConformanceError(
        `rollback() threw: ${wordsOf(error)}`,
        'let rollback() resolve whatever state the branch is in, also the second time: close the ' +
          'connection where the work cannot be ended otherwise',
        error,
      );
    }
  }

  /** Lets go of what it holds; never rejects. */
  async dispose(): Promise<void> {
    this.transaction.dispose();
    if (!this.isInDoubt) await this.#branch?.rollback().catch(() => undefined);
  }

  async #no(reason: Reason): Promise<Vote> {
    await this.rollback();
    return { vote: 'no', reason };
  }
}

import { type Gid, type Reason, reason, UnanimousError } from '@unanimous/proto';
import { within } from '../ambient.ts';
import {
  abortedError,
  type LocalTransaction,
  type TransactionContext,
} from '../participant/local-transaction.ts';
import { currentScope, Scope } from '../participant/scope.ts';
import type { Link } from '../session/link.ts';
import { commitAndAwait, type OutcomeListener } from './await-outcome.ts';
import { commitAtHome, soleDriver } from './commit-at-home.ts';
import { commitWhole, type WholeRequest } from './commit-whole.ts';
import type { Begun, ClientCore } from './core.ts';
import { checkMs } from './options.ts';
import {
  type Committed,
  committedOrThrow,
  type TransactionOutcome,
  unknownError,
} from './outcome.ts';
import { whenAborted } from './when-aborted.ts';

/** How `commit()` waits. */
export interface CommitOptions {
  /**
   * `applied`: until every branch shows its part, bounded by `waitAppliedMs`. `decided`: until the
   * decision is durable; what is written may become visible a moment later.
   */
  readonly wait?: 'applied' | 'decided';
  /** How long to wait for `applied`. */
  readonly waitAppliedMs?: number;
}

/** Errors of a commit after which the branches here may still be needed. */
const mayBeCommitted: ReadonlySet<string> = new Set(['unknown', 'heuristic', 'expired']);

/** How long an abort waits for the branches of this process to let go. */
const maxAbortWaitMs = 1_000;

/** A transaction that its owner ends by hand. `TransactionClient.transaction()` does it for you. */
export class Transaction implements AsyncDisposable {
  readonly #core: ClientCore;
  readonly #local: LocalTransaction;
  readonly #link: Link;
  readonly #signal: AbortSignal | undefined;
  #ignoreSignal: (() => void) | undefined;
  #state: 'open' | 'committing' | 'over' = 'open';
  /** The signal fired before any vote was handed over. */
  #isCancelled = false;
  #interruptCommit: ((error: UnanimousError) => void) | undefined;

  /** @internal */
  constructor(core: ClientCore, begun: Begun, signal: AbortSignal | undefined) {
    this.#core = core;
    this.#local = begun.local;
    this.#link = begun.link;
    this.#signal = signal;
    if (signal) this.#ignoreSignal = whenAborted(signal, () => this.#cancel());
    this.#local.onEnd((error) => this.#ended(error));
    if (signal?.aborted) this.#cancel();
  }

  /**
   * Who reads it before the commit may ask about it later, so the coordinator is told even of what one
   * database could commit by itself. `transaction()` and `commit()` give it with the outcome.
   */
  get gid(): Gid {
    return this.#local.show();
  }

  get signal(): AbortSignal {
    return this.#local.signal;
  }

  remainingMs(): number {
    return this.#local.remainingMs();
  }

  /** @internal Why a branch here votes no, if one does. */
  get doomedBy(): Reason | undefined {
    return this.#local.doomedBy;
  }

  /**
   * Runs `fn` in the transaction and resolves with what it returns. Rejects as soon as the
   * transaction is over, even when `fn` goes on. What `fn` did not await dooms the transaction.
   */
  run<T>(fn: (transaction: TransactionContext) => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      checkNotNested();
      this.#checkOpen();
      const local = this.#local;
      const scope = new Scope(local, 'statement-running', () =>
        this.#core.participant.release(local),
      );
      const returned = (value: T): void => {
        const problem = scope.close();
        if (problem) reject(abortedError(this.#local.gid, problem.toReason(), problem));
        else resolve(value);
      };
      const threw = (error: unknown): void => {
        scope.close();
        reject(error);
      };
      // A few microtasks later than it could be: what `fn` did not await has begun by then, and is noticed.
      scope.run(async () => fn(local.context)).then(returned, threw);
      local.onEnd(reject);
    });
  }

  /**
   * Commits. Resolves after a commit decision, applied or not.
   * @throws UnanimousError `aborted` with the reason; `unknown` when the decision was not heard:
   * ask `outcome(gid)`; `heuristic` when a branch did not follow a decision.
   */
  async commit(options: CommitOptions = {}): Promise<Committed> {
    this.#checkOpen();
    const telling = this.#whenTold();
    if (telling) await telling;
    const why = this.#whyNotWhole();
    if (why) {
      await this.#abort(why);
      throw abortedError(this.#local.gid, why);
    }
    const { waitAppliedMs: usualMs } = this.#core.settings;
    const patienceMs = checkMs('waitAppliedMs', options.waitAppliedMs, usualMs, 0);
    const waitAppliedMs = options.wait === 'decided' ? 0 : patienceMs;
    const remainingMs = this.remainingMs();
    this.#state = 'committing';
    this.#local.close();
    try {
      const outcome = await new Promise<TransactionOutcome>((resolve, reject) => {
        this.#interruptCommit = reject;
        this.#askForCommit({ remainingMs, waitAppliedMs }, { resolve, reject });
      });
      return committedOrThrow(outcome);
    } catch (error) {
      const isOver = error instanceof UnanimousError && !mayBeCommitted.has(error.code);
      if (isOver) await this.#letGo(); // or the next try would wait for our own locks
      throw isOver && this.#isCancelled ? this.#cancelledError() : error;
    } finally {
      this.#over();
    }
  }

  /** Aborts; nothing is written. Resolves when the branches here have let go, or soon. Idempotent. */
  async abort(message = 'abort() was called'): Promise<void> {
    if (this.#state === 'committing') throw this.#overError();
    await this.#abort(reason('client-aborted', message));
  }

  /** @internal As `abort`, with a typed cause. */
  async abortBecause(why: Reason): Promise<void> {
    await this.#abort(why);
  }

  /** Aborts what was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'open') await this.abort('it went out of scope uncommitted');
  }

  /** What was told of it must be acknowledged before its commit is asked for (PROTOCOL rule 1). */
  #whenTold(): Promise<void> | undefined {
    const { untold } = this.#local;
    if (!untold?.isTold) return undefined;
    return untold
      .tell()
      .catch(() => undefined) // it has ended then
      .then(() => this.#checkOpen());
  }

  #askForCommit(request: WholeRequest, listener: OutcomeListener): void {
    const local = this.#local;
    const { untold, gid } = local;
    if (!untold || untold.isTold) {
      return commitAndAwait(this.#core, { gid, link: this.#link, ...request }, listener);
    }
    untold.holdBack();
    const sole = local.isShown ? undefined : soleDriver(local, untold);
    if (sole) return commitAtHome(this.#core, local, untold, sole, request, listener);
    commitWhole(this.#core, local, untold, request, listener);
  }

  #checkOpen(): void {
    if (this.#local.ended) throw this.#local.ended;
    if (this.#state !== 'open') throw this.#overError();
  }

  #overError(): UnanimousError {
    const what = this.#state === 'committing' ? 'is being committed' : 'is over';
    const gid = this.#local.show();
    return new UnanimousError('work-after-end', `transaction ${gid} ${what}`, { gid });
  }

  /** What is known here already, so that nobody need be asked. */
  #whyNotWhole(): Reason | undefined {
    if (this.#local.runningScopes > 0) {
      return reason('statement-running', 'a function of the transaction has not returned');
    }
    const statement = this.#local.busy();
    if (statement !== undefined) return reason('statement-running', `still running: ${statement}`);
    return this.#local.doomedBy;
  }

  /** The transaction is aborted whether or not this message arrives: nobody else can commit it. */
  async #abort(why: Reason): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'over';
    this.#local.doom(why);
    this.#local.end(abortedError(this.#local.gid, why));
    const { gid, untold } = this.#local;
    const told = this.#link.ask('aborts', { gid, reason: why }).catch(() => undefined);
    // Of what was never told, nothing hangs on the answer.
    const isKnown = !untold || untold.isTold;
    untold?.settle();
    this.#over();
    await this.#letGo(isKnown ? told : undefined);
  }

  /** Waits, not for long, until no branch here holds anything. */
  async #letGo(told?: Promise<unknown>): Promise<void> {
    this.#local.outcomeKnown();
    const { participant, settings } = this.#core;
    const letGo = Promise.all([told, participant.whenReleased(this.#local)]);
    await within<unknown>(settings.ambient, maxAbortWaitMs, letGo, () => undefined);
  }

  #over(): void {
    this.#state = 'over';
    this.#ignoreSignal?.();
    this.#local.isOwned = false;
    this.#local.untold?.holdBack();
    this.#local.outcomeKnown();
    this.#core.participant.release(this.#local);
  }

  /** It ended by itself: deadline, lost session. The coordinator is told, if it can be. */
  #ended(error: UnanimousError): void {
    if (this.#state !== 'open' || !error.reason) return;
    void this.#abort(error.reason);
  }

  /** Before the commit was asked for nothing is written; afterwards nobody knows yet. */
  #cancel(): void {
    if (this.#state === 'committing') {
      const { keptVotes } = this.#local;
      if (keptVotes) {
        this.#isCancelled = true;
        keptVotes.fail(this.#cancelledError().toReason());
        return;
      }
      this.#interruptCommit?.(
        unknownError(this.#local.show(), 'the AbortSignal fired', this.#signal?.reason),
      );
      return;
    }
    if (this.#state !== 'open') return;
    const error = this.#cancelledError();
    this.#local.doom(error.toReason());
    this.#local.end(error);
    void this.#abort(error.toReason());
  }

  #cancelledError(): UnanimousError {
    const message = 'the AbortSignal fired before the commit was asked for';
    const { gid } = this.#local;
    return new UnanimousError('cancelled', message, { gid, cause: this.#signal?.reason });
  }
}

/** @throws UnanimousError `nested-transaction` inside of a transaction, begun here or joined. */
export function checkNotNested(): void {
  const scope = currentScope();
  if (!scope) return;
  const gid = scope.transaction.show();
  throw new UnanimousError('nested-transaction', `transaction ${gid} is open here`, { gid });
}

import {
  type Alarm,
  type Alarms,
  type Gid,
  homeGid,
  type HomeOutcome,
  type Reason,
  UnanimousError,
} from '@unanimous/proto';
import type { Ambient } from '../ambient.ts';
import type { BranchResult } from '../protocol/branch-state.ts';
import type { OpenBranch } from '../resource.ts';
import type { GidBlock } from '../session/gid-supply.ts';
import type { Link } from '../session/link.ts';
import type { BranchDriver } from './branch-driver.ts';
import type { KeptVotes } from './kept-votes.ts';
import type { PhaseTwoHere } from './phase-two-here.ts';
import { type Untellable, Untold } from './untold.ts';

/** What `transaction()` hands to its function, and `currentTransaction()` gives. */
export interface TransactionContext {
  readonly gid: Gid;
  /** Fires when the transaction is over before it was committed: stop working then. */
  readonly signal: AbortSignal;
  /** Time until the deadline, by the monotonic clock; 0 when it has passed. */
  readonly remainingMs: () => number;
}

/** Shows a transaction. Its functions are made when somebody looks: most functions never do. */
class Context implements TransactionContext {
  readonly #of: LocalTransaction;

  constructor(of: LocalTransaction) {
    this.#of = of;
  }

  get gid(): Gid {
    return this.#of.show();
  }

  get signal(): AbortSignal {
    return this.#of.signal;
  }

  get remainingMs(): () => number {
    return () => this.#of.remainingMs();
  }
}

/** A transaction that ends here without a word: what is known of it, and who waits for more. */
export interface AtHome {
  readonly outcome: HomeOutcome;
  /** This process leaves: nobody here will hear what became of it. */
  readonly left?: () => void;
  readonly ended?: (result: BranchResult) => void;
}

/** One transaction as this process takes part in it, begun here or joined. */
export class LocalTransaction implements Untellable {
  readonly gid: Gid;
  /** The client it belongs to; another client's resources cannot take part. */
  readonly owner: object;
  /** In the order in which they came; another list after each change. */
  drivers: readonly BranchDriver[] = [];
  /** Branches by resource manager, while their enlisting is under way, too. */
  readonly branches = new Map<string, OpenBranch | Promise<OpenBranch>>();
  /** Functions and handlers that run in it now. A Prepare meanwhile is refused. */
  runningScopes = 0;
  /** True while its client may still end it, so that it outlives its last scope. */
  isOwned = false;
  /** Begun here without a word; undefined where the coordinator knew of it from the beginning. */
  untold: Untold | undefined;
  /** Its branches prepare without being asked, and their votes are not handed over yet. */
  keptVotes: KeptVotes | undefined;
  /** Every branch of it has voted here, and the votes are handed over. */
  phaseTwo: PhaseTwoHere | undefined;
  /** Somebody has its gid, and may ask what became of it. */
  isShown = false;
  /** It is committed here, without a word. */
  atHome: AtHome | undefined;
  readonly #ambient: Ambient;
  readonly #alarms: Alarms;
  /** Made when somebody looks: most functions never do. */
  #controller: AbortController | undefined;
  #endListeners: ((error: UnanimousError) => void)[] = [];
  #releaseListeners: (() => void)[] = [];
  readonly #deadlineAtMs: number;
  readonly #deadline: Alarm;
  #ended: UnanimousError | undefined;
  #isClosed = false;
  #doomedBy: Reason | undefined;

  constructor(
    gid: Gid,
    owner: object,
    remainingMs: number,
    { ambient, alarms }: { readonly ambient: Ambient; readonly alarms: Alarms },
  ) {
    this.gid = gid;
    this.owner = owner;
    this.#ambient = ambient;
    this.#alarms = alarms;
    this.#deadlineAtMs = ambient.nowMs() + remainingMs;
    this.#deadline = alarms.set(remainingMs, () => this.#deadlinePassed());
  }

  /** What functions in it are shown. May be taken apart. */
  get context(): TransactionContext {
    return new Context(this);
  }

  /** Fires when it ends before its commit was asked for. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#ended) this.#controller.abort(this.#ended);
    }
    return this.#controller.signal;
  }

  remainingMs(): number {
    return Math.max(0, this.#deadlineAtMs - this.#ambient.nowMs());
  }

  /** It began under a gid of a session's block. */
  beginUntold(link: Link, block: GidBlock, name: string): void {
    this.untold = new Untold(this, link, block, name, this.#alarms);
  }

  /** The coordinator has refused what has begun already: nothing of it can be committed. */
  refused(error: UnanimousError): void {
    const why = error.reason ?? error.toReason();
    this.doom(why);
    this.end(abortedError(this.gid, why, error));
  }

  /**
   * The gid for people, who may ask the coordinator about it later: so it will be told what becomes of
   * the transaction. Too late where that ends without a word; its gid says so then.
   */
  show(): Gid {
    if (this.atHome) return homeGid(this.gid, this.atHome.outcome);
    this.isShown = true;
    return this.gid;
  }

  /** The gid, which leaves the process now: the coordinator is told of the transaction. */
  handOut(): Gid {
    if (!this.#ended && !this.#isClosed) void this.untold?.tell();
    return this.gid;
  }

  /** Why it ended before its commit was asked for, if it did. */
  get ended(): UnanimousError | undefined {
    return this.#ended;
  }

  /** `end` would end it. */
  get mayEnd(): boolean {
    return !this.#ended && !this.#isClosed;
  }

  /** Why no work may join any more: it ended, or its commit was asked for. */
  get closed(): UnanimousError | undefined {
    if (this.mayEnd) return undefined;
    const why = this.#ended ? `: ${this.#ended.reason?.message ?? this.#ended.message}` : '';
    const gid = this.show();
    return new UnanimousError('work-after-end', `transaction ${gid} is over${why}`, {
      gid,
      cause: this.#ended,
    });
  }

  /** Why all its branches here vote no, if they do. */
  get doomedBy(): Reason | undefined {
    return this.#doomedBy ?? this.drivers.find((driver) => driver.doom)?.doom;
  }

  /** A statement that runs in one of the branches. */
  busy(): string | undefined {
    for (const driver of this.drivers) {
      const statement = driver.busy();
      if (statement !== undefined) return statement;
    }
    return undefined;
  }

  /** Takes no more work: the commit is about to be asked for, or a branch is being prepared. */
  close(): void {
    this.#isClosed = true;
  }

  /** Every branch here votes no with this reason, also one whose enlisting is under way. */
  doom(why: Reason): void {
    this.#doomedBy ??= why;
    for (const driver of this.drivers) driver.input({ kind: 'doom', reason: why });
  }

  /** Its owner waits for nothing more: branches that only linger to repeat their vote may go. */
  outcomeKnown(): void {
    for (const driver of this.drivers) driver.input({ kind: 'outcome-known' });
  }

  /** It is over before its commit was asked for: whoever still works in it hears so. Idempotent. */
  end(error: UnanimousError): void {
    if (this.#ended || this.#isClosed) return;
    this.#ended = error;
    this.#controller?.abort(error);
    const listeners = this.#endListeners;
    this.#endListeners = [];
    for (const listener of listeners) listener(error);
  }

  /** Calls once, when it ends before its commit was asked for. */
  onEnd(listener: (error: UnanimousError) => void): void {
    if (this.#ended) listener(this.#ended);
    else this.#endListeners.push(listener);
  }

  /** Calls once, when no branch of it is open here. */
  onRelease(listener: () => void): void {
    if (this.drivers.length === 0) listener();
    else this.#releaseListeners.push(listener);
  }

  /** A branch of it is open here. */
  driverMade(driver: BranchDriver): void {
    if (!this.drivers.includes(driver)) this.drivers = [...this.drivers, driver];
  }

  /** One of its branches needs its driver no more. */
  driverForgotten(driver: BranchDriver): void {
    this.drivers = this.drivers.filter((one) => one !== driver);
    if (this.drivers.length > 0) return;
    const listeners = this.#releaseListeners;
    this.#releaseListeners = [];
    for (const listener of listeners) listener();
  }

  /**
   * Stops the timers; nothing of it is left here. Lets go what it held: a map that has been made anew
   * since may keep this object until the next full collection of garbage, and would keep all of it.
   */
  dispose(): void {
    this.#deadline.cancel();
    this.untold?.holdBack();
    this.untold?.over();
    this.untold = undefined;
    this.atHome?.left?.();
    this.phaseTwo?.lost();
    this.phaseTwo = undefined;
    this.#endListeners = [];
    this.branches.clear();
  }

  #deadlinePassed(): void {
    const why = new UnanimousError('timeout', 'the deadline passed before the decision');
    const reason = why.toReason();
    this.end(abortedError(this.gid, reason));
    for (const driver of this.drivers) driver.input({ kind: 'deadline-passed', reason });
    this.keptVotes?.fail(reason);
  }
}

/** The error of an abort, with what the no-voter said. */
export function abortedError(gid: Gid, reason: Reason, cause?: unknown): UnanimousError {
  const message = `transaction ${gid} was aborted: ${reason.message}`;
  return new UnanimousError('aborted', message, {
    gid,
    reason,
    ...(reason.hint && { hint: reason.hint }),
    ...(reason.rm && { rm: reason.rm }),
    ...(cause !== undefined && { cause }),
  });
}

import {
  failpoint,
  parseGid,
  parseHomeGid,
  type Reason,
  reason,
  UnanimousError,
} from '@unanimous/proto';
import type { Gid, Outcome } from '@unanimous/proto';
import type {
  DecisionLog,
  Holder,
  Incarnation,
  LogEntry,
  LogPosition,
} from './log/decision-log.ts';
import { type Logger, logEvents, silent } from './log-events.ts';
import { checkLimits } from './check-limits.ts';
import type { Entry, Owner } from './entry.ts';
import type { Limits } from './limits.ts';
import { verdictOn, wordOn } from './protocol/answers.ts';
import type { Input } from './protocol/decide.ts';
import { branchFor, type EnlistRequest } from './new-branch.ts';
import { Operations } from './operations.ts';
import { checkOwner } from './owner.ts';
import { RmIdentities } from './rm-identities.ts';
import { ResourceManagers } from './resource-managers.ts';
import { PeerSessions } from './sessions/peer-sessions.ts';
import type { Session, SessionSink } from './sessions/session.ts';
import { Transactions } from './transactions.ts';
import { UntoldTransactions } from './untold-transactions.ts';
import { bareOutcome, outcomeView } from './views.ts';
import { realWorld, type World } from './world.ts';

/** What a coordinator is started with. */
export interface CoordinatorOptions {
  readonly log: DecisionLog;
  /** For people: host name and address of this process. */
  readonly holder?: Holder;
  readonly limits?: Partial<Limits>;
  readonly world?: World;
  readonly logger?: Logger;
}

/** How long a drain waits for sessions to tell what they have begun. */
const tellMs = 100;

/**
 * One incarnation of the coordinator on its log. Sessions, the unary API and the admin API are thin
 * layers on it. It never dies of one bad transaction or client; it stops when its log has failed.
 */
export class Coordinator implements AsyncDisposable {
  readonly limits: Limits;
  readonly incarnation: Incarnation;
  readonly rms = new ResourceManagers();
  readonly transactions: Transactions;
  readonly sessions: PeerSessions;
  readonly identities: RmIdentities;
  /** What sessions begin without a word. */
  readonly untold: UntoldTransactions;
  /** What operators ask. */
  readonly operations: Operations;
  readonly #log: DecisionLog;
  readonly #world: World;
  readonly #logger: Logger;
  readonly #stopListeners: ((error: UnanimousError | undefined) => void)[] = [];
  #draining = false;
  #stopped: Promise<void> | undefined;
  #failure: UnanimousError | undefined;
  #cancelUpkeep: () => void = () => {};

  /**
   * Opens the log, takes a new epoch, replays, and answers from then on.
   * @throws UnanimousError as DecisionLog.open does; nothing is answered from a log in doubt.
   */
  static async start(options: CoordinatorOptions): Promise<Coordinator> {
    const { log, holder = { name: 'coordinator', address: '' } } = options;
    await log.open();
    try {
      const entries: LogEntry[] = [];
      await log.follow((more) => {
        for (const entry of more) entries.push(entry);
      });
      failpoint('c.start.before-epoch');
      const incarnation = await log.becomeActive(holder);
      failpoint('c.start.before-replay-end');
      return new Coordinator(options, incarnation, entries);
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  private constructor(
    options: CoordinatorOptions,
    incarnation: Incarnation,
    entries: readonly LogEntry[],
  ) {
    const { log, world = realWorld, logger = silent } = options;
    this.limits = checkLimits(options.limits ?? {});
    this.incarnation = incarnation;
    this.#log = log;
    this.#world = world;
    this.#logger = logger;
    const onLogFailure = (error: unknown) => this.#fail(UnanimousError.from(error, 'log-failed'));
    this.transactions = new Transactions({
      log,
      incarnation,
      rms: this.rms,
      limits: this.limits,
      world,
      logger,
      onLogFailure,
    });
    this.identities = new RmIdentities(log, logger, onLogFailure);
    this.untold = new UntoldTransactions(this);
    this.sessions = new PeerSessions(this, logger, world);
    this.operations = new Operations(this, world);
    this.transactions.replay(entries);
    this.transactions.finishReplay();
    for (const { record } of entries) {
      if (record.kind === 'rm-registered') this.identities.restore(record.rm, record.identity);
    }
    log.onFailure(onLogFailure);
    const { logId, epoch } = incarnation;
    logger.info({ event: logEvents.recovered, logId, epoch, entries: entries.length });
    this.#scheduleUpkeep();
  }

  /** True once `drain` was called: nothing new is begun. */
  get isDraining(): boolean {
    return this.#draining;
  }

  /** Why the coordinator stopped by itself; undefined while it can be trusted. */
  get failure(): UnanimousError | undefined {
    return this.#failure;
  }

  /** Opens a session on a stream that a peer has dialled. */
  openSession(sink: SessionSink): Session {
    return this.sessions.open(sink);
  }

  /** Highest durable position of the log. */
  tip(): LogPosition {
    return this.#log.tip();
  }

  /** Called once: when the coordinator has stopped, with the error when its log failed. */
  onStopped(listener: (error: UnanimousError | undefined) => void): void {
    this.#stopListeners.push(listener);
  }

  /**
   * Begins a transaction.
   * @throws UnanimousError `draining`, `overloaded`, `invalid-argument`.
   */
  begin(owner: Owner, timeoutMs: number, name: string): { gid: Gid; remainingMs: number } {
    this.checkRunning();
    if (this.#draining) throw new UnanimousError('draining', 'begin: the coordinator is stopping');
    const entry = this.transactions.begin(owner, timeoutMs, name);
    return { gid: entry.state.gid, remainingMs: this.transactions.remainingMs(entry) };
  }

  /**
   * Adds a branch: of a session that serves the RM, or with work for whoever serves it.
   * @throws UnanimousError `malformed-gid`, `foreign-gid`, `not-live`, `unknown-rm`,
   * `rm-not-served`, `takes-no-work`, `too-many-branches`, `payload-too-large`, `overloaded`.
   */
  enlist(gidText: string, request: EnlistRequest, owner?: Owner): { branch: number; entry: Entry } {
    this.checkRunning();
    const entry = this.#liveEntry(gidText, 'enlist');
    if (owner) checkOwner(entry, owner);
    const branch = branchFor(request, this);
    void this.#step(entry, { kind: 'enlist', branch, maxBranches: this.limits.maxBranches });
    return { branch: entry.state.branches.length, entry };
  }

  /**
   * Commits, and answers the outcome once it is decided (0) or applied, bounded by the given time.
   * Asked again, answers the same. What it returns ends the wait, not the transaction.
   * @throws UnanimousError `malformed-gid`, `foreign-gid`, `not-owner`.
   */
  commit(
    gidText: string,
    owner: Owner,
    waitAppliedMs: number,
    answer: (outcome: Outcome) => void,
  ): () => void {
    return this.#end(gidText, owner, { kind: 'commit' }, waitAppliedMs, answer);
  }

  /** Aborts, and answers the outcome. Errors as `commit`. */
  abort(
    gidText: string,
    owner: Owner,
    why: Reason,
    answer: (outcome: Outcome) => void,
  ): () => void {
    return this.#end(gidText, owner, { kind: 'abort', reason: why }, 0, answer);
  }

  /**
   * What became of a transaction. Absence means aborted only above the mark of what was forgotten.
   * @throws UnanimousError `malformed-gid`, `foreign-gid`, `not-live` (never given out).
   */
  outcome(gidText: string): Outcome {
    const atHome = parseHomeGid(gidText);
    if (atHome) {
      this.ownGid(atHome.gid);
      const isCommitted = atHome.outcome === 'committed';
      const kind = isCommitted ? 'OUTCOME_COMMITTED' : 'OUTCOME_UNKNOWN';
      return { ...bareOutcome(gidText, kind), applied: isCommitted };
    }
    const { gid, birth } = this.ownGid(gidText);
    if (this.#failure) return bareOutcome(gid, 'OUTCOME_UNKNOWN');
    const entry = this.transactions.find(gid);
    if (entry)
      return entry.wordsAtLog > 0 ? bareOutcome(gid, 'OUTCOME_UNKNOWN') : outcomeView(entry.state);
    if (this.transactions.holderOf(birth) !== undefined) {
      return bareOutcome(gid, 'OUTCOME_UNKNOWN');
    }
    if (this.transactions.isUnborn(birth)) {
      throw new UnanimousError('not-live', `no transaction ${gid} was ever begun here`, { gid });
    }
    if (this.transactions.outcomes.isForgotten(birth)) return bareOutcome(gid, 'OUTCOME_EXPIRED');
    const why = reason('session-lost', 'it was not decided when the coordinator stopped');
    const aborted = bareOutcome(gid, 'OUTCOME_ABORTED', why);
    return { ...aborted, applied: true };
  }

  /** True when absence means abort: the gid is of this log, was given out, and is not forgotten. */
  isPresumedAborted(gidText: string): boolean {
    try {
      return this.outcome(gidText).kind === 'OUTCOME_ABORTED';
    } catch {
      return false; // malformed, foreign or never given out
    }
  }

  /**
   * What to do with a prepared branch that a scan has found (PROTOCOL rules 8, 10 and 19). One that
   * this log must have given out and did not stops the coordinator, as `checkSeen` does.
   */
  verdict(
    gidText: string,
    branch: number,
    incarnation: { readonly found: string; readonly current: string },
  ): 'commit' | 'abort' | 'wait' | 'hazard' | 'foreign' {
    const { gid, logId, birth } = parseGid(gidText);
    if (logId !== this.incarnation.logId) return 'foreign';
    const entry = this.transactions.find(gid);
    if (entry) return entry.wordsAtLog > 0 ? 'wait' : verdictOn(entry.state, branch);
    if (birth.epoch > this.incarnation.epoch) return 'wait';
    // It may live at the session that was given its gid, which has not told of it yet.
    if (this.transactions.holderOf(birth) !== undefined) return 'wait';
    if (this.transactions.isUnborn(birth)) {
      // Gids of this epoch are given out by this log alone: it was longer when it gave this one.
      this.#stopAsRestored(
        `a participant holds a branch of ${gid}, which was never given out here`,
      );
      return 'wait';
    }
    // A commit is forgotten only when every branch has acknowledged it, so what is prepared and not
    // known was never committed; but a resource manager may have gone back in time.
    const wentBack = incarnation.found !== incarnation.current;
    return wentBack && this.transactions.outcomes.isForgotten(birth) ? 'hazard' : 'abort';
  }

  /** What an operator has said of a branch, once it is durable. */
  word(gid: string, branch: number): Reason | undefined {
    const entry = this.transactions.find(gid as Gid);
    return entry?.wordsAtLog === 0 ? wordOn(entry.state, branch) : undefined;
  }

  /**
   * Compares what a peer has seen of this log with the log. A log that does not hold it is not the
   * one that spoke: answering from it could abort what is committed (PROTOCOL rule 17).
   * @throws UnanimousError `log-restored`, after which the coordinator stops.
   */
  async checkSeen(seen: LogPosition): Promise<void> {
    if (seen.logId !== this.incarnation.logId || (await this.#log.holds(seen))) return;
    const { epoch, seq } = seen;
    const message = `a participant has seen epoch ${epoch}, record ${seq}; the log has no such record`;
    throw this.#stopAsRestored(message);
  }

  /**
   * Stops gracefully: begins nothing, lets what is open come to its decision, then lets the log go.
   * @param withinMs longest wait for open transactions, in milliseconds.
   */
  async drain(withinMs: number): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      this.#logger.info({ event: logEvents.draining, open: this.transactions.openCount });
      this.sessions.announceDrain();
      failpoint('c.drain.begun');
    }
    const untilMs = this.#world.nowMs() + withinMs;
    // What has begun without a word is told now, and counts then.
    if (this.transactions.blocks.isAnyOpen) await this.#pause(Math.min(withinMs, tellMs));
    while (this.transactions.openCount > 0 && this.#world.nowMs() < untilMs && !this.#failure) {
      await this.#pause(10);
    }
    await this.#stop(undefined);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#world.after(ms, resolve));
  }

  /** Stops at once; what is undecided is aborted by presumption. Idempotent. */
  async close(): Promise<void> {
    await this.#stop(undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #end(
    gidText: string,
    owner: Owner,
    input: Input & { kind: 'commit' | 'abort' },
    waitAppliedMs: number,
    answer: (outcome: Outcome) => void,
  ): () => void {
    const entry =
      this.transactions.find(gidText as Gid) ?? this.untold.ended(gidText, owner, input);
    // Not live, and known by the log alone if at all: the answer is the outcome.
    if (!entry || this.#failure) {
      answer(this.outcome(gidText));
      return () => {};
    }
    // After a restart nobody owns what the log brought back, and anybody may ask for its outcome.
    if (entry.owner) checkOwner(entry, owner);
    this.transactions.input(entry, input);
    return this.transactions.wait(entry, waitAppliedMs, answer);
  }

  #step(entry: Entry, input: Input): Promise<void> | undefined {
    const { refused, recorded } = this.transactions.input(entry, input);
    if (refused) throw new UnanimousError(refused.code, refused.message, { rm: refused.rm });
    return recorded;
  }

  /**
   * Reads a gid of this log.
   * @throws UnanimousError `malformed-gid`, `foreign-gid`.
   */
  ownGid(text: string): ReturnType<typeof parseGid> {
    const parsed = parseGid(text);
    if (parsed.logId === this.incarnation.logId) return parsed;
    const { gid } = parsed;
    const message = `gid ${gid} is of log ${parsed.logId}; this is ${this.incarnation.logId}`;
    throw new UnanimousError('foreign-gid', message, { gid });
  }

  #liveEntry(gidText: string, what: string): Entry {
    const entry = this.transactions.find(gidText as Gid); // it has only what was given out here
    if (entry) return entry;
    const { gid } = this.ownGid(gidText);
    throw new UnanimousError('not-live', `${what}: transaction ${gid} is not live`, { gid });
  }

  /**
   * Passes while the coordinator runs.
   * @throws UnanimousError why it stopped.
   */
  checkRunning(): void {
    if (this.#failure) throw this.#failure;
    if (this.#stopped) throw new UnanimousError('draining', 'the coordinator has stopped');
  }

  /** Forgets old outcomes and compacts the log, now and then, for as long as we run. */
  #scheduleUpkeep(): void {
    const everyMs = Math.min(1_000, this.limits.retainOutcomesMs);
    this.#cancelUpkeep = this.#world.after(everyMs, () => void this.#upkeep());
  }

  async #upkeep(): Promise<void> {
    try {
      const forgotten = await this.transactions.forget();
      if (forgotten > 0 && !this.#stopped) {
        this.#logger.debug({ event: logEvents.outcomesForgotten, count: forgotten });
        await this.#log.compact();
      }
      if (!this.#stopped) this.#scheduleUpkeep();
    } catch (error) {
      this.#fail(UnanimousError.from(error, 'log-failed'));
    }
  }

  #stopAsRestored(message: string): UnanimousError {
    const error = new UnanimousError('log-restored', message);
    this.#logger.error({ event: logEvents.logRestored, reason: message });
    this.#fail(error);
    return error;
  }

  /** The log cannot be trusted: everybody who waits hears `unknown`, and that is the end. */
  #fail(error: UnanimousError): void {
    if (this.#failure || this.#stopped) return;
    this.#failure = error;
    const { code, message } = error;
    this.#logger.error({ event: logEvents.logFailed, code, reason: message }, message);
    void this.#stop(error);
  }

  #stop(error: UnanimousError | undefined): Promise<void> {
    this.#stopped ??= this.#stopOnce(error);
    return this.#stopped;
  }

  async #stopOnce(error: UnanimousError | undefined): Promise<void> {
    this.#cancelUpkeep();
    this.transactions.stop();
    this.sessions.endAll(error ?? new UnanimousError('draining', 'the coordinator has stopped'));
    try {
      await this.#log.close();
    } catch (closing) {
      this.#logger.error({ event: logEvents.logFailed, reason: String(closing) });
    }
    this.#logger.info({ event: logEvents.stopped });
    for (const listener of this.#stopListeners) listener(error);
  }
}

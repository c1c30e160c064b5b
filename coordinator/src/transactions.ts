import {
  Alarms,
  failpoint,
  formatGid,
  type Gid,
  type Outcome,
  type Reason,
  type Whole,
} from '@unanimous/proto';
import { type Birth, UnanimousError } from '@unanimous/proto';
import type { DecisionLog, Incarnation, LogEntry } from './log/decision-log.ts';
import { type Entry, noDebts, type Owner, recoveredEntry } from './entry.ts';
import { GidBlocks } from './gid-blocks.ts';
import { GidMap } from './gid-map.ts';
import type { Logger } from './log-events.ts';
import type { Limits } from './limits.ts';
import { tellBranch } from './messages.ts';
import { RetainedOutcomes } from './outcomes.ts';
import { outcomeOf } from './protocol/answers.ts';
import type { Input, WholeBranch } from './protocol/decide.ts';
import { durability, type LogRecord } from './protocol/record.ts';
import { step } from './protocol/step.ts';
import {
  begunTransaction,
  evolve,
  isOver,
  isPermitted,
  type Transaction,
} from './protocol/transaction.ts';
import type { TransactionEvent, TransactionRecord } from './protocol/transaction.ts';
import { Resending } from './resending.ts';
import { reportEvent } from './report-event.ts';
import type { ResourceManagers } from './resource-managers.ts';
import { bareOutcome, outcomeView } from './views.ts';
import { Waiters } from './waiters.ts';
import type { World } from './world.ts';

/** Records of one transaction, for whose durability it waits. */
interface Decision {
  readonly entry: Entry;
  readonly records: readonly LogRecord[];
}

/** Decisions that go to the log together. */
interface Group {
  readonly decisions: Decision[];
  /** Resolves when they are durable and participants were told, or the log has failed. */
  readonly settled: Promise<void>;
  readonly settle: () => void;
}

/** What the transactions of one epoch need. */
export interface TransactionsOptions {
  readonly log: DecisionLog;
  readonly incarnation: Incarnation;
  readonly rms: ResourceManagers;
  readonly limits: Limits;
  readonly world: World;
  readonly logger: Logger;
  /** The log cannot be trusted any more. */
  readonly onLogFailure: (error: unknown) => void;
}

/**
 * Drives the transactions: takes inputs, steps the core, appends records, sends messages. The only
 * module that sees both the log and the sessions, so the only one that could send too early; it
 * cannot, because the core tells nothing that hangs on a record before the log has answered.
 */
export class Transactions {
  readonly outcomes: RetainedOutcomes;
  readonly blocks = new GidBlocks();
  readonly resending: Resending;
  readonly #options: TransactionsOptions;
  readonly #alarms: Alarms;
  readonly #entries = new GidMap<Entry>();
  /** Undecided ones: what a lost session or a drain concerns. */
  readonly #open = new Set<Entry>();
  /** Aborted ones that are kept only to tell the reason; oldest first. */
  readonly #abortedGids: Gid[] = [];
  /** Over, by a record that rides with the next append, or goes by itself some time. */
  #endedLazily: Entry[] = [];
  /** What was decided in this turn and is not with the log yet. */
  #group: Group | undefined;
  #stopped = false;

  constructor(options: TransactionsOptions) {
    this.#options = options;
    this.#alarms = new Alarms(options.world);
    const { retainOutcomesMs: retainMs, retainOutcomes: atMost } = options.limits;
    this.outcomes = new RetainedOutcomes({ retainMs, atMost });
    const { rms, world } = options;
    this.resending = new Resending(rms, world, (gid) => this.#entries.get(gid));
  }

  /** Number of undecided transactions. */
  get openCount(): number {
    return this.#open.size;
  }

  /** All that are known, about in the order in which they appeared. */
  all(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** The transaction, when it is live, unfinished or still answerable. */
  find(gid: Gid): Entry | undefined {
    return this.#entries.get(gid);
  }

  /**
   * A branch answers for a transaction that was presumed aborted and is known no more: somebody has
   * committed it by hand, or nobody can tell. Recorded, and listed until an operator resolves it.
   */
  adopt(heuristic: TransactionRecord & { readonly kind: 'heuristic' }): void {
    if (this.#stopped) return;
    const known = this.#entries.get(heuristic.gid);
    const state = evolve(known?.state, heuristic);
    if (known) known.state = state;
    else this.#entries.set(heuristic.gid, recoveredEntry(state, this.#alarms));
    void this.#append([heuristic]);
    reportEvent(this.#options.logger, heuristic.gid, heuristic);
  }

  /** Replays the log: the same `evolve` that ran when the records were made. */
  replay(entries: readonly LogEntry[]): void {
    for (const { record, epoch, seq } of entries) {
      if (record.kind === 'forgotten') this.outcomes.markForgotten(record.through);
      else if ('gid' in record) this.#replayRecord(record, { epoch, seq });
    }
  }

  /** After the replay: what is unfinished is owed, what is over is kept for its time. */
  finishReplay(): void {
    const entries = [...this.#entries.values()];
    const unfinished = entries.filter(({ state }) => isOwing(state)).toSorted(byPlace);
    for (const entry of unfinished) this.#owe(entry);
    for (const { state } of entries) {
      if (isOwing(state) || needsOperator(state)) continue;
      this.outcomes.add(state.gid, this.#options.world.nowMs());
    }
  }

  /**
   * Begins a transaction, under a gid that its session was given before or under a new one.
   * @throws UnanimousError `overloaded` above the limit of undecided ones; `invalid-argument`.
   */
  begin(owner: Owner, timeoutMs: number, name: string, given?: Gid): Entry {
    this.#checkRoom(timeoutMs);
    const { limits } = this.#options;
    const lastsMs = timeoutMs || limits.defaultTimeoutMs;
    const entry = this.#enter(given ?? this.#nextGid(), owner, lastsMs, name);
    entry.deadline = this.#alarms.set(lastsMs, () => this.input(entry, { kind: 'deadline' }));
    return entry;
  }

  /**
   * A transaction that comes whole: with its branches, their votes and the commit.
   * @throws UnanimousError as `begin`, and `too-many-branches`; it is aborted then.
   */
  whole(
    owner: Owner,
    { gid, remainingMs, name }: Pick<Whole, 'remainingMs' | 'name'> & { readonly gid: Gid },
    branches: readonly WholeBranch[],
  ): Entry {
    this.#checkRoom(remainingMs);
    const { maxBranches } = this.#options.limits;
    const entry = this.#enter(gid, owner, remainingMs, name);
    const { refused } = this.input(entry, { kind: 'whole', branches, maxBranches });
    if (refused) {
      this.input(entry, { kind: 'abort', reason: refused });
      throw new UnanimousError(refused.code, refused.message, { rm: refused.rm });
    }
    return entry;
  }

  #checkRoom(timeoutMs: number): void {
    const { limits } = this.#options;
    if (this.#open.size >= limits.maxOpen) {
      const message = `${limits.maxOpen} transactions are open`;
      throw new UnanimousError('overloaded', message, { retryAfterMs: 100 });
    }
    if (timeoutMs > limits.maxTimeoutMs) {
      const message = `timeout_ms: ${timeoutMs} is above the limit of ${limits.maxTimeoutMs}`;
      throw new UnanimousError('invalid-argument', message);
    }
  }

  #nextGid(): Gid {
    const { logId, epoch } = this.#options.incarnation;
    return formatGid(logId, { epoch, counter: this.blocks.next() });
  }

  #enter(gid: Gid, owner: Owner, lastsMs: number, name: string): Entry {
    const { world } = this.#options;
    const nowMs = world.nowMs();
    const entry: Entry = {
      state: begunTransaction(gid),
      name: name.slice(0, 200),
      owner,
      begunAtMs: nowMs,
      deadlineMs: nowMs + lastsMs,
      deadline: undefined,
      waiters: new Waiters(this.#alarms),
      debts: noDebts,
      wordsAtLog: 0,
    };
    this.#entries.set(gid, entry);
    this.#open.add(entry);
    return entry;
  }

  /** True for a gid of this epoch that was never given out. */
  isUnborn(birth: Birth): boolean {
    const { epoch } = this.#options.incarnation;
    return birth.epoch > epoch || (birth.epoch === epoch && this.blocks.isUnborn(birth.counter));
  }

  /** The session that may have begun it and has not told of it yet; otherwise undefined. */
  holderOf(birth: Birth): number | undefined {
    if (birth.epoch !== this.#options.incarnation.epoch) return undefined;
    return this.blocks.holderOf(birth.counter);
  }

  /** Time until the transaction's deadline, in milliseconds. */
  remainingMs(entry: Entry): number {
    return Math.max(0, Math.floor(entry.deadlineMs - this.#options.world.nowMs()));
  }

  /**
   * Answers when the outcome is decided (0) or applied, bounded; at once when it already is. What it
   * returns ends the wait without an answer: whoever asked is gone.
   */
  wait(entry: Entry, waitAppliedMs: number, answer: (outcome: Outcome) => void): () => void {
    if (this.#stopped) {
      answer(outcomeView(entry.state));
      return () => {};
    }
    // Past the deadline only a slow log or a delegated branch can keep the decision from us.
    const undecidedMs = this.remainingMs(entry) + waitAppliedMs + 1_000;
    const endWait = entry.waiters.add(entry, { undecidedMs, waitAppliedMs }, answer);
    this.#tellWaiters(entry);
    return endWait;
  }

  /**
   * One step: decide and evolve, hand records to the log, send what may be sent. Answers the reason
   * when the input was refused, and what to wait for when its records must be durable first.
   */
  input(entry: Entry, input: Input): { refused?: Reason; recorded?: Promise<void> } {
    if (this.#stopped) return {};
    const before = entry.state;
    const result = step(before, input);
    if ('refused' in result) return { refused: result.refused };
    entry.state = result.state;
    if (input.kind === 'resolve') entry.wordsAtLog += 1;
    if (isOwing(before) && hasEnded(result.state)) this.#endedLazily.push(entry);
    const recorded = this.#record(entry, result.events);
    if (result.events.length > 0) {
      this.#account(entry, before);
      this.#afterChange(entry, before);
      for (const event of result.events) reportEvent(this.#options.logger, before.gid, event);
    }
    for (const message of result.messages) {
      if (this.resending.holdsBack(entry, message)) continue;
      tellBranch(this.#options.rms, entry.state, message, this.remainingMs(entry));
    }
    // Behind the branches: what they are told stands before it in a frame, and both go in one.
    if (result.events.length > 0) this.#tellWaiters(entry);
    return recorded ? { recorded } : {};
  }

  /** A session is lost: what lived on it is aborted. */
  sessionLost(session: number): void {
    this.blocks.endSession(session);
    for (const entry of this.#open) {
      const owned = entry.owner !== undefined && 'session' in entry.owner;
      const isOwner = owned && (entry.owner as { session: number }).session === session;
      this.input(entry, { kind: 'session-lost', session, owned: isOwner });
    }
  }

  /**
   * Forgets what is past its retention. The mark is durable first: if we crash here, the outcomes
   * are in the log again and are forgotten again.
   */
  async forget(): Promise<number> {
    const forgettable = this.outcomes.takeForgettable(this.#options.world.nowMs());
    if (!forgettable) return 0;
    const { gids, through } = forgettable;
    failpoint('c.forget.before-mark');
    await this.#append([{ kind: 'forgotten', through }]);
    failpoint('c.forget.after-mark');
    if (this.#stopped) return 0;
    this.outcomes.markForgotten(through);
    for (const gid of gids) this.#entries.delete(gid);
    return gids.length;
  }

  /** The log has failed: nobody learns more than that the outcome is not known. */
  stop(): void {
    this.#stopped = true;
    this.resending.stop();
    for (const entry of this.#entries.values()) {
      entry.deadline?.cancel();
      entry.waiters.answerAll(bareOutcome(entry.state.gid, 'OUTCOME_UNKNOWN'));
    }
  }

  #replayRecord(record: TransactionRecord, at: { epoch: number; seq: number }): void {
    const known = this.#entries.get(record.gid);
    let state = evolve(known?.state, record);
    if (isDecision(record)) {
      state = evolve(state, { kind: 'recorded', at });
    }
    if (known) known.state = state;
    else this.#entries.set(record.gid, recoveredEntry(state, this.#alarms));
  }

  /** Appends what must be durable; a decision moves on when the log has answered. */
  #record(entry: Entry, events: readonly TransactionEvent[]): Promise<void> | undefined {
    if (!events.some(isRecord)) return undefined;
    const records = events.filter(isRecord);
    if (records.every(isLazy)) {
      failpoint('c.ended.before-append');
      this.#appendLazily(records);
      failpoint('c.ended.handed-over');
      return undefined;
    }
    // An `ended` that follows in the same step stands behind its forced record.
    return this.#decide(entry, records);
  }

  /** What is decided in one turn goes to the log together, in a microtask. */
  #decide(entry: Entry, records: readonly LogRecord[]): Promise<void> {
    const group = (this.#group ??= this.#newGroup());
    group.decisions.push({ entry, records });
    return group.settled;
  }

  #newGroup(): Group {
    let settle = nothing;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    queueMicrotask(() => this.#appendDecided());
    return { decisions: [], settled, settle };
  }

  /** Whatever else goes to the log stands behind what has been decided before. */
  #appendDecided(): void {
    const group = this.#group;
    if (!group) return;
    this.#group = undefined;
    void this.#appendGroup(group);
  }

  // Async, so that a throw on the way to the log is never taken for a bad message of some peer.
  async #appendGroup({ decisions, settle }: Group): Promise<void> {
    for (const { records } of decisions) failpoint('c.votes.all-in', records[0]?.kind);
    let seq = await this.#append(decisions.flatMap(({ records }) => records));
    for (const { entry, records } of decisions) {
      if (seq === undefined) break; // the log has failed
      this.#recorded(entry, records, seq);
      seq += records.length;
    }
    settle();
  }

  #recorded(entry: Entry, records: readonly LogRecord[], seq: number): void {
    failpoint('c.decided.before-tell', records[0]?.kind);
    // Another append of the transaction may have been on its way before the operator spoke.
    if (entry.wordsAtLog > 0 && records.some(({ kind }) => kind === 'resolved')) {
      entry.wordsAtLog -= 1;
    }
    const { epoch } = this.#options.incarnation;
    this.input(entry, { kind: 'recorded', at: { epoch, seq } });
    this.#tellWaiters(entry);
  }

  #appendLazily(records: readonly LogRecord[]): void {
    this.#appendDecided();
    try {
      this.#options.log.appendLazily(records);
    } catch (error) {
      // An engine may say at once that it has failed; whoever called us must not hear of it.
      this.#options.onLogFailure(error);
    }
  }

  #append(records: readonly LogRecord[]): Promise<number | undefined> {
    this.#appendDecided();
    const ended = this.#endedLazily.splice(0); // their records are before these
    const landed = ({ seq }: { readonly seq: number }) => {
      this.#endedDurably(ended);
      return seq;
    };
    return this.#options.log.append(records).then(landed, (error: unknown) => {
      // Nothing is known of these records. Whatever we told now could be a lie (PROTOCOL rule 20).
      this.#options.onLogFailure(error);
      return undefined;
    });
  }

  /** Nobody is ever told of these again, whoever restarts. */
  #endedDurably(ended: readonly Entry[]): void {
    for (const entry of ended) {
      for (const debt of entry.debts) debt.end();
      entry.debts = noDebts;
    }
  }

  /** Keeps the books of what resource managers owe. */
  #account(entry: Entry, before: Transaction): void {
    const { state: after } = entry;
    if (isOwing(after) && before.phase !== after.phase) this.#owe(entry);
    if (!isOwing(before)) return;
    if (before.branches === after.branches) return;
    for (let index = 0; index < after.branches.length; index++) {
      const was = before.branches[index];
      const branch = after.branches[index];
      if (was && branch && !isOver(was) && isOver(branch)) {
        entry.debts.find((debt) => debt.branch === branch.branch)?.pay();
      }
    }
  }

  #owe(entry: Entry): void {
    const { state } = entry;
    if (!isOwing(state)) return;
    const { gid, at, branches } = state;
    const debts = [...entry.debts];
    for (const one of branches) {
      // What waits for a delegated branch owes nothing yet.
      if (isOver(one) || (state.phase === 'delegated' && !isPermitted(one))) continue;
      const { rm, branch, redo } = one;
      debts.push(this.#options.rms.owe(rm, { gid, branch, seq: at.seq }, redo.byteLength));
    }
    entry.debts = debts;
  }

  #afterChange(entry: Entry, before: Transaction): void {
    const { state } = entry;
    if (this.#open.has(entry) && outcomeOf(state).is !== 'undecided') {
      this.#open.delete(entry);
      entry.deadline?.cancel();
      entry.deadline = undefined; // it would be kept for as long as the outcome
    }
    if (state.phase === 'committed' && before.phase !== 'committed') {
      this.outcomes.add(state.gid, this.#options.world.nowMs());
    }
    if (state.phase === 'aborted' && before.phase !== 'aborted') this.#keepReason(state.gid);
  }

  /** An abort needs no memory; its reason is kept while there is room. */
  #keepReason(gid: Gid): void {
    this.#abortedGids.push(gid);
    if (this.#abortedGids.length <= 2 * this.#options.limits.maxOpen) return;
    const oldest = this.#abortedGids.splice(0, this.#options.limits.maxOpen);
    for (const old of oldest) {
      const state = this.#entries.get(old)?.state;
      if (state?.phase === 'aborted' && !needsOperator(state)) this.#entries.delete(old);
    }
  }

  #tellWaiters(entry: Entry): void {
    if (entry.waiters.count === 0) return;
    if (entry.wordsAtLog === 0) entry.waiters.tell(entry.state);
  }
}

function nothing(): void {}

function byPlace({ state: a }: Entry, { state: b }: Entry): number {
  return isOwing(a) && isOwing(b) ? a.at.seq - b.at.seq : 0;
}

/** Decided, or permitted, and not over. */
type Owing = Transaction & { readonly phase: 'committing' | 'delegated' };

function isOwing(state: Transaction): state is Owing {
  return state.phase === 'committing' || state.phase === 'delegated';
}

function isLazy({ kind }: LogRecord): boolean {
  return durability[kind] === 'lazy';
}

function isRecord(event: TransactionEvent): event is TransactionRecord {
  return durableKinds.has(event.kind);
}

const durableKinds: ReadonlySet<string> = new Set(Object.keys(durability));

/** Records that the log's answer moves on; the same at a replay. */
function isDecision({ kind }: LogRecord): boolean {
  return kind === 'commit-decided' || kind === 'delegated' || kind === 'last-asked';
}

/** Nothing more comes of it, and the log says so by `ended`, or by `acknowledged` where one did not follow. */
function hasEnded({ phase, branches }: Transaction): boolean {
  return phase === 'committed' || phase === 'aborted' || branches.every(isOver);
}

/** What an operator must see, or has spoken on, is kept: heuristics, and the word on them. */
function needsOperator(state: Transaction): boolean {
  return state.branches.some((b) => b.state.is === 'heuristic' || b.state.is === 'resolved');
}

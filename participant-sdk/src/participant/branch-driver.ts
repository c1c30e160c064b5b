import {
  type BranchId,
  failpoint,
  homeGid,
  type Reason,
  reason,
  UnanimousError,
} from '@unanimous/proto';
import type { Ambient } from '../ambient.ts';
import { backoffMs } from '../backoff.ts';
import { describeError, type Log } from '../logger.ts';
import { absent, step } from '../protocol/branch.ts';
import { isLingering } from '../protocol/branch-decide.ts';
import type {
  BranchEffect,
  BranchInput,
  BranchResult,
  BranchState,
  BranchVote,
  CommitFacts,
  FinishingOrder,
} from '../protocol/branch-state.ts';
import type {
  Finished,
  LostAnswer,
  OpenBranch,
  PrepareResult,
  ReadyResult,
  Resource,
} from '../resource.ts';
import { currentScope, outsideTransaction } from './scope.ts';

/** Where a decision stands in the log, which orders conflicting transactions. */
export interface Place {
  readonly epoch: number;
  readonly seq: number;
}

/** What a branch driver needs of its surroundings. */
export interface BranchPorts {
  readonly resource: Resource;
  readonly ambient: Ambient;
  readonly log: Log;
  /** Resolves when the RM remembers the log position that a commit must not precede. */
  beforeCommit(): Promise<void> | undefined;
  /** Largest redo payload that the coordinator takes. */
  maxPayloadBytes(): number;
  vote(id: BranchId, vote: BranchVote): void;
  /** The vote stays in this process, which hands it over with those of the other branches. */
  keepVote(id: BranchId, vote: BranchVote): void;
  acknowledge(
    id: BranchId,
    result: BranchResult['result'] | 'pending',
    reason: Reason | undefined,
  ): void;
  /** What became of a branch that its own process has committed. */
  endedAtHome(id: BranchId, result: BranchResult): void;
  /** The branch needs its driver no more. */
  forget(driver: BranchDriver): void;
}

const noBytes = new Uint8Array();

/** One for all drivers: nearly none ever tries again. */
const nothing = (): void => {};

const retry = { firstMs: 100, maxMs: 5_000 };

/**
 * Runs one branch: hands inputs to the pure machine, carries out its effects, and feeds the
 * resource's answers back. It decides nothing itself.
 */
export class BranchDriver {
  readonly id: BranchId;
  readonly #ports: BranchPorts;
  #state: BranchState = absent;
  #open: OpenBranch | undefined;
  #work: Uint8Array = noBytes;
  #callOffRetry = nothing;
  #stopped = false;
  /** When it voted yes, monotonic; a scan asks about votes that wait for long. */
  preparedAtMs: number | undefined;
  /** Where the decision stands in the log, as the coordinator told it. */
  place: Place | undefined;

  constructor(id: BranchId, ports: BranchPorts) {
    this.id = id;
    this.#ports = ports;
  }

  /** Takes over a branch that was just opened here. */
  opened(open: OpenBranch): void {
    this.#open = open;
    this.input({ kind: 'opened' });
  }

  /** Work that comes with Prepare, to be handed to the resource. */
  accept(work: Uint8Array): void {
    this.#work = work;
  }

  /** Tries nothing again: this process leaves, and another, or its next start, finishes the branch. */
  stop(): void {
    this.#stopped = true;
    this.#callOffRetry();
  }

  get at(): BranchState['at'] {
    return this.#state.at;
  }

  /** Has ended, and stays only to say its vote again. */
  get isLingering(): boolean {
    return isLingering(this.#state);
  }

  /** Why the branch is doomed, if it is. */
  get doom(): Reason | undefined {
    return this.#state.at === 'doomed' ? this.#state.vote.reason : undefined;
  }

  /** What it holds is applied after all else (PROTOCOL rule 15). */
  get isEffect(): boolean {
    return this.#ports.resource.kind === 'logged';
  }

  /** It holds effects that may be applied before the coordinator asks. */
  get mayApply(): boolean {
    return this.#state.at === 'prepared' && this.#ports.resource.appliesUnasked === true;
  }

  /** Applies the effects that it voted with, as if the coordinator had asked. */
  apply({ epoch, seq }: Place): void {
    if (this.#state.at !== 'prepared') return;
    const { receipt, redo } = this.#state.vote;
    const facts = { receipt, redo, epoch, seq, lowWaterSeq: 0 };
    this.input({ kind: 'order', order: { kind: 'commit', facts, asker: 'decision' } });
  }

  /** Names a statement that runs in the open branch. */
  busy(): string | undefined {
    return this.#state.at === 'working' ? this.#open?.busy() : undefined;
  }

  input(input: BranchInput): void {
    const { state, effects } = step(this.#state, input);
    this.#state = state;
    if (effects.length === 0) return;
    // Whoever caused this, a function of another transaction perhaps: a resource works outside.
    if (currentScope()) outsideTransaction(() => this.#runAll(effects));
    else this.#runAll(effects);
  }

  #runAll(effects: readonly BranchEffect[]): void {
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: BranchEffect): void {
    switch (effect.run) {
      case 'prepare':
      case 'ready':
        if (effect.accept) void this.#acceptAndPrepare(effect.run);
        else this.#prepare(effect.run);
        return;
      case 'commit-one-phase':
        void this.#commitOnePhase();
        return;
      case 'commit-at-home':
        this.#commitAtHome();
        return;
      case 'tell-home':
        this.#ports.endedAtHome(this.id, effect.result);
        return;
      case 'rollback':
        void this.#rollback();
        return;
      case 'finish':
        this.#callOffRetry();
        this.#finish(effect.order);
        return;
      case 'vote':
        this.#noteVote(effect.vote);
        this.#ports.vote(this.id, effect.vote);
        return;
      case 'keep-vote':
        this.#noteVote(effect.vote);
        this.#ports.keepVote(this.id, effect.vote);
        return;
      case 'acknowledge':
        this.#acknowledge(effect.result);
        return;
      case 'acknowledge-pending':
        this.#ports.acknowledge(this.id, 'pending', effect.cause);
        return;
      case 'retry-later': {
        const { ambient } = this.#ports;
        if (this.#stopped) return;
        const delayMs = backoffMs(ambient, retry, effect.failures);
        this.#callOffRetry = ambient.after(delayMs, () => this.input({ kind: 'retry' }));
        return;
      }
      case 'forget':
        this.#callOffRetry();
        this.#open = undefined;
        this.#ports.forget(this);
    }
  }

  async #acceptAndPrepare(how: 'prepare' | 'ready'): Promise<void> {
    try {
      this.#open = await this.#accept();
    } catch (error) {
      return this.#refused(error);
    }
    this.#prepare(how);
  }

  // No async function where many branches pass: each costs several promises.
  #prepare(how: 'prepare' | 'ready'): void {
    try {
      const open = this.#open;
      if (!open) throw new UnanimousError('internal', 'no open branch to prepare');
      failpoint('p.prepare.before', this.id.rm);
      const result: Promise<PrepareResult | ReadyResult> =
        how === 'ready' ? open.ready() : open.prepare();
      Promise.resolve(result).then(
        (vote) => this.#prepared(vote),
        (error: unknown) => this.#refused(error),
      );
    } catch (error) {
      this.#refused(error);
    }
  }

  #prepared(result: PrepareResult | ReadyResult): void {
    try {
      failpoint('p.prepare.before-vote', this.id.rm);
      if (result.vote === 'read-only') this.input({ kind: 'read-only' });
      else if (result.vote === 'ready') this.input({ kind: 'readied', receipt: result.receipt });
      else {
        this.#checkPayload(result.redo);
        this.input({ kind: 'prepared', receipt: result.receipt, redo: result.redo });
      }
    } catch (error) {
      this.#refused(error);
    }
  }

  #refused(error: unknown): void {
    this.#log('branch.vote-failed', describeError(error));
    this.input({ kind: 'refused', reason: this.#reasonOf(error, 'prepare-refused') });
  }

  #accept(): Promise<OpenBranch> {
    const { resource } = this.#ports;
    if (!resource.acceptWork)
      throw new UnanimousError('takes-no-work', `${resource.rm} takes none`);
    return resource.acceptWork(this.id, this.#work);
  }

  #checkPayload(redo: Uint8Array): void {
    const most = this.#ports.maxPayloadBytes();
    if (redo.byteLength <= most) return;
    const message = `the branch's payload has ${redo.byteLength} bytes, the limit is ${most}`;
    throw new UnanimousError('payload-too-large', message, { rm: this.id.rm });
  }

  async #commitOnePhase(): Promise<void> {
    try {
      const open = this.#open;
      if (!open) throw new UnanimousError('internal', 'no open branch to commit');
      await this.#mayCommit(open);
      const result = await open.commitOnePhase();
      failpoint('p.onephase.before-answer', this.id.rm);
      this.input({ kind: 'finished', result });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Work that will not be committed after all is ended, or its receipt says "in progress" for ever. */
  async #mayCommit(open: OpenBranch): Promise<void> {
    try {
      await this.#ports.beforeCommit();
      failpoint('p.onephase.before-commit', this.id.rm);
    } catch (error) {
      await open.rollback().catch((failure: unknown) => {
        this.#log('branch.rollback-failed', describeError(failure));
      });
      throw error;
    }
  }

  #commitAtHome(): void {
    const answered = (result: Finished | LostAnswer): void => {
      try {
        failpoint('p.home.before-answer', this.id.rm);
        this.#endedAtHome(result);
      } catch (error) {
        this.#failed(error);
      }
    };
    const refused = (error: unknown): void => {
      this.#log('branch.vote-failed', describeError(error));
      this.input({ kind: 'refused', reason: this.#reasonOf(error, 'prepare-refused') });
    };
    this.#sendHome().then(answered, refused);
  }

  #sendHome(): Promise<Finished | LostAnswer> {
    const { rm } = this.id;
    try {
      const open = this.#open;
      if (!open) throw new UnanimousError('internal', 'no open branch to commit');
      failpoint('p.home.before-commit', rm);
      return open.commitAtHome ? open.commitAtHome() : readyAndCommit(open, rm);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #endedAtHome(result: Finished | LostAnswer): void {
    if (result.result !== 'lost') return this.input({ kind: 'finished', result });
    const { reason: cause, receipt } = result;
    // The gid as its client is shown it: no coordinator knows of the other.
    const gid = homeGid(this.id.gid, 'unknown');
    this.#log('branch.finish-failed', { gid, ...cause });
    this.input({ kind: 'failed', cause, receipt });
  }

  async #rollback(): Promise<void> {
    try {
      await this.#open?.rollback();
    } catch (error) {
      this.#log('branch.rollback-failed', describeError(error));
    }
    this.input({ kind: 'rolled-back' });
  }

  #finish(order: FinishingOrder): void {
    try {
      failpoint('p.finish.before', this.id.rm, order.kind);
      Promise.resolve(this.#attempt(order)).then(
        (attempted) => this.#attempted(order, attempted),
        (error: unknown) => this.#failed(error),
      );
    } catch (error) {
      this.#failed(error);
    }
  }

  #attempted(order: FinishingOrder, attempted: Attempted): void {
    if (deviates(order, attempted.result)) {
      this.#writeDown(attempted as BranchResult).then(
        () => this.#answered(order, attempted),
        (error: unknown) => this.#failed(error),
      );
    } else this.#answered(order, attempted);
  }

  #answered(order: FinishingOrder, attempted: Attempted): void {
    try {
      failpoint('p.finish.before-ack', this.id.rm, order.kind);
      if (attempted.result !== 'in-progress') this.input({ kind: 'finished', result: attempted });
      else this.input({ kind: 'failed', cause: stillInProgress(this.id.rm) });
    } catch (error) {
      this.#failed(error);
    }
  }

  #attempt(order: FinishingOrder): Promise<Attempted> {
    const { resource } = this.#ports;
    switch (order.kind) {
      case 'commit': {
        const storing = this.#ports.beforeCommit();
        return storing ? storing.then(() => this.#commit(order)) : this.#commit(order);
      }
      case 'abort':
        return resource.abort(this.id, order.receipt);
      case 'settle':
        return resource.settle(this.id, order.facts.receipt);
    }
  }

  #commit(order: FinishingOrder & { readonly kind: 'commit' }): Promise<Attempted> {
    failpoint('p.commit.position-kept', this.id.rm);
    if (order.asker === 'decision') this.place = order.facts;
    return this.#ports.resource.commit(this.id, decidedOf(order.facts));
  }

  /** If we crash before it is told, or its telling is lost, a scan reads it and tells it again. */
  async #writeDown(found: BranchResult): Promise<void> {
    const { gid, branch } = this.id;
    const result = found.result === 'committed' ? 'committed' : 'rolled-back';
    await this.#ports.resource.audit?.({ gid, branch, result, reason: 'found so in phase two' });
  }

  #failed(error: unknown): void {
    this.#log('branch.finish-failed', describeError(error));
    this.input({ kind: 'failed', cause: this.#reasonOf(error, 'rm-unavailable') });
  }

  #noteVote(vote: BranchVote): void {
    if (vote.kind === 'yes') this.preparedAtMs ??= this.#ports.ambient.nowMs();
    if (vote.kind === 'no') this.#log('branch.refused', { code: vote.reason.code });
  }

  #acknowledge(result: BranchResult): void {
    const why = 'reason' in result ? result.reason : undefined;
    if (result.result === 'unknown') {
      this.#log('branch.heuristic', { result: 'unknown', ...why });
    }
    this.#ports.acknowledge(this.id, result.result, why);
  }

  #log(event: Parameters<Log>[0], more: object): void {
    const { gid, branch, rm } = this.id;
    this.#ports.log(event, { gid, branch, rm, ...more });
  }

  #reasonOf(error: unknown, code: 'prepare-refused' | 'rm-unavailable'): Reason {
    const { rm } = this.id;
    const why = UnanimousError.from(error, code).toReason();
    return why.rm === '' ? { ...why, rm } : why;
  }
}

/** As one phase does it, with nobody to wait for in between. */
async function readyAndCommit(open: OpenBranch, rm: string): Promise<Finished | LostAnswer> {
  const ready = await open.ready();
  if (ready.vote === 'read-only') return { result: 'committed' };
  try {
    return await open.commitOnePhase();
  } catch (error) {
    const cause = UnanimousError.from(error, 'rm-unavailable').toReason();
    return { result: 'lost', receipt: ready.receipt, reason: { ...cause, rm: cause.rm || rm } };
  }
}

/** What an attempt of phase two has brought. */
type Attempted = BranchResult | { readonly result: 'in-progress' };

/** It is known to have ended against the order: by somebody's hand. */
function deviates(order: FinishingOrder, result: string): boolean {
  return (
    (order.kind === 'commit' && result === 'rolled-back') ||
    (order.kind === 'abort' && result === 'committed')
  );
}

function decidedOf({ receipt, redo, epoch, seq, lowWaterSeq }: CommitFacts) {
  return { receipt, redo, epoch, seq, lowWaterSeq };
}

function stillInProgress(rm: string): Reason {
  return reason('rm-unavailable', 'the commit of one phase is still in progress', rm);
}

import {
  type BranchId,
  checkRmName,
  formatBranchId,
  reason,
  UnanimousError,
} from '@unanimous/proto';
import { type Ambient, systemAmbient } from '../ambient.ts';
import type { Decided, Finished, Resource, ResourceHost, RmIdentity } from '../resource.ts';
import { ApplyProgress, type Settled } from './apply-progress.ts';
import { type PlacedEffect, placeEffects } from './effect.ts';
import { LoggedBranch, type LoggedBranchOptions } from './logged-branch.ts';
import { decodeRedo } from './redo.ts';

/** Settings of every logged resource. */
export interface LoggedOptions {
  /** Name of the resource manager, the same in all processes that serve it. */
  readonly rm: string;
  /** Most bytes of effects in one transaction; 262,144 unless told, as in the coordinator. */
  readonly maxPayloadBytes?: number;
  /** How long one try to apply may take; 30,000 unless told. The coordinator asks again. */
  readonly applyTimeoutMs?: number;
  /** For simulators and tests: the timers of `applyTimeoutMs`. */
  readonly ambient?: Ambient;
}

/** What applying effects reports to. */
export interface ApplyTry {
  /** Fires when the time is over or the resource is closed. */
  readonly signal: AbortSignal;
  /** The effect is done, or refused for good. What is not settled is tried again. */
  readonly settle: (index: number, settled: Settled) => void;
}

/**
 * The part that all logged resources share: effects wait in memory, travel as redo payload with the
 * yes vote, and are applied after the decision, at least once, in order, with stable ids. Nothing
 * is kept on the local disk.
 */
export abstract class LoggedResource<E> implements Resource {
  readonly rm: string;
  readonly kind = 'logged';
  readonly canOnePhase = false;
  readonly #maxPayloadBytes: number;
  readonly #applyTimeoutMs: number;
  readonly #ambient: Ambient;
  readonly #progress = new ApplyProgress();
  readonly #running = new Map<string, Promise<Finished>>();
  /** Ends a try that is under way. */
  readonly #tries = new Set<(why: UnanimousError) => void>();
  #host: ResourceHost | undefined;
  #isClosed = false;

  constructor(options: LoggedOptions) {
    this.rm = checkRmName(options.rm);
    this.#maxPayloadBytes = options.maxPayloadBytes ?? 262_144;
    this.#applyTimeoutMs = options.applyTimeoutMs ?? 30_000;
    this.#ambient = options.ambient ?? systemAmbient;
  }

  /** Connects, and says what the name stands for. May be called again after `close`. */
  protected abstract connect(): Promise<RmIdentity>;

  /** Phase one: refuses by a throw what would be refused at `applyEffects`. */
  protected abstract checkEffects(effects: readonly E[]): Promise<void>;

  /**
   * Applies effects, settling each. Throws, or leaves effects unsettled, to be asked again with
   * those.
   */
  protected abstract applyEffects(
    effects: readonly PlacedEffect<E>[],
    attempt: ApplyTry,
  ): Promise<void>;

  open(): Promise<RmIdentity> {
    this.#isClosed = false;
    return this.connect();
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  /** Adds an effect, as JSON text, to the current transaction's branch. */
  protected async stage(text: string): Promise<void> {
    (await this.currentBranch(() => this.openBranch())).stage(text);
  }

  /** The current transaction's branch, opened by the first call. */
  protected currentBranch<B extends LoggedBranch<E>>(open: (id: BranchId) => B): Promise<B> {
    const { rm } = this;
    if (!this.#host) {
      throw new UnanimousError('unknown-rm', `${rm} is not served by this process`, { rm });
    }
    const branch = this.#host.branch(open);
    if (branch) return branch;
    throw new UnanimousError('no-transaction', `a write to ${rm} outside of a transaction`, { rm });
  }

  /** A branch without effects. */
  protected openBranch(): LoggedBranch<E> {
    return new LoggedBranch(this.branchOptions());
  }

  /** What every branch of this resource is made of. */
  protected branchOptions(): LoggedBranchOptions<E> {
    return {
      rm: this.rm,
      maxPayloadBytes: this.#maxPayloadBytes,
      check: (effects) => this.checkEffects(effects),
    };
  }

  commit(branch: BranchId, decided: Decided): Promise<Finished> {
    const key = formatBranchId(branch);
    // A repeated question joins the running try: else it would send the same effects beside it.
    const running = this.#running.get(key);
    if (running) return running;
    const applied = this.#apply(key, branch, decided).finally(() => this.#running.delete(key));
    this.#running.set(key, applied);
    return applied;
  }

  async #apply(key: string, branch: BranchId, decided: Decided): Promise<Finished> {
    const { rm } = this;
    if (this.#isClosed) throw new UnanimousError('closed', `${rm} was closed`, { rm });
    const decoded = decodeRedo(decided.redo);
    if ('damaged' in decoded) return hazard(`${rm}: ${key}: ${decoded.damaged}`, rm);
    const placed = placeEffects(decoded.effects as readonly E[], branch, decided);
    const settled = this.#progress.of(key);
    const open = placed.filter(({ place }) => !settled.has(place.index));
    if (open.length > 0) await this.#try(key, open, settled);

    const missing = placed.find(({ place }) => !settled.has(place.index));
    if (missing) {
      throw new UnanimousError('rm-unavailable', `${missing.place.id} was not applied`, { rm });
    }
    this.#progress.forget(key);
    const refusals = placed.flatMap(({ place }) => {
      const result = settled.get(place.index);
      return result?.is === 'refused' ? [`${place.id}: ${result.why}`] : [];
    });
    if (refusals.length === 0) return { result: 'committed' };
    return hazard(`${rm} refused for good what was committed: ${refusals.join('; ')}`, rm);
  }

  async #try(
    key: string,
    effects: readonly PlacedEffect<E>[],
    settled: Map<number, Settled>,
  ): Promise<void> {
    const controller = new AbortController();
    const attempt: ApplyTry = {
      signal: controller.signal,
      settle: (index, result) => settled.set(index, result),
    };
    let end = (_why: UnanimousError): void => {};
    const ms = this.#applyTimeoutMs;
    const callOff = this.#ambient.after(ms, () => {
      const message = `${this.rm}: ${key} was not applied within ${ms} ms`;
      end(new UnanimousError('rm-unavailable', message, { rm: this.rm }));
    });
    try {
      await new Promise<void>((resolve, reject) => {
        end = (why) => {
          controller.abort(why);
          reject(why);
        };
        this.#tries.add(end);
        this.applyEffects(effects, attempt).then(resolve, reject);
      });
    } finally {
      callOff();
      this.#tries.delete(end);
    }
  }

  /** Nothing was done before the decision, so there is nothing to undo. */
  async abort(_branch: BranchId, _receipt: string): Promise<Finished> {
    return { result: 'rolled-back' };
  }

  async settle(branch: BranchId): Promise<Finished> {
    return hazard(`${formatBranchId(branch)}: a logged branch has no receipt to ask`, this.rm);
  }

  async scan(): Promise<readonly BranchId[]> {
    return [];
  }

  async remembered(): Promise<undefined> {
    return undefined; // a logged resource keeps nothing; the client and native resources do
  }

  async remember(): Promise<void> {}

  async close(): Promise<void> {
    this.#isClosed = true;
    const error = new UnanimousError('closed', `${this.rm} was closed`, { rm: this.rm });
    for (const end of this.#tries) end(error);
    await Promise.allSettled(this.#running.values());
  }
}

function hazard(message: string, rm: string): Finished {
  return { result: 'unknown', reason: reason('heuristic', message.slice(0, 2_000), rm) };
}

import {
  type BranchId,
  checkRmName,
  formatBranchId,
  type Gid,
  reason,
  UnanimousError,
} from '@unanimous/proto';
import { type Ambient, systemAmbient } from '../ambient.ts';
import type { Refusal } from '../define-resource.ts';
import { effectText } from '../logged/effect-text.ts';
import type { Finished, Resource, ResourceHost, RmIdentity } from '../resource.ts';
import { attempt } from './attempt.ts';
import { LastBranch } from './last-branch.ts';
import { type Answer, isRefusal } from './reservation-definition.ts';

/** What `call` and `settle` know besides the request. */
export interface LastContext {
  /** Idempotency key, `GID/BRANCH/call`: the same however often, and by whomever, it is asked. */
  readonly key: string;
  readonly gid: Gid;
  /** Fires when it has taken too long, or at `close`. */
  readonly signal: AbortSignal;
}

/** Nobody will ever be able to tell: an operator has to say what was done. */
export interface Unknown {
  readonly unknown: string;
}

/** A service whose answer is final: it can neither reserve nor cancel. */
export interface LastResourceDefinition<Request> {
  /** Name of the resource manager, the same in all processes that serve it. */
  readonly rm: string;
  /** What the name stands for, say an account and a host. Another one is refused under it. */
  readonly identity?: string | (() => string | Promise<string>);
  /**
   * Does it, when all others have voted yes. Done when it returns: then the transaction commits. A
   * `Refusal` aborts it; it must mean that it is not done, and never will be. After a throw nobody
   * knows, and `settle` is asked until somebody does, while all others wait.
   */
  call(request: Request, context: LastContext): Answer | Promise<Answer>;
  /**
   * What became of the call, asked after a crash or a lost answer, in any process. Answers as `call`,
   * the same for ever; a throw means "not known yet". Left out, `call` is repeated under its key:
   * right for a service that answers a known key as it did before, for as long as anybody may ask.
   */
  settle?(request: Request, context: LastContext): Answer | Unknown | Promise<Answer | Unknown>;
  /** How long one try may take; 30,000 unless told. Then it is asked again. */
  readonly callTimeoutMs?: number;
  /** For simulators and tests: the timers of `callTimeoutMs`. */
  readonly ambient?: Ambient;
}

/** A service that is asked last. */
export interface LastResource<Request> extends Resource {
  /**
   * Makes the call when all others have voted yes, and lets its answer decide. Once in a transaction.
   * @throws UnanimousError `no-transaction` outside of one; `invalid-argument` for a second call, and
   * for what JSON would change; `payload-too-large` above 4,000 characters; and those of enlisting,
   * `invalid-argument` for a second such resource among them.
   */
  call(request: Request): Promise<void>;
}

/** Makes a resource of a service whose answer is final. See docs/services.md. */
export function lastResource<Request>(
  definition: LastResourceDefinition<Request>,
): LastResource<Request> {
  return new LastCallResource(definition);
}

class LastCallResource<Request> implements LastResource<Request> {
  readonly rm: string;
  readonly kind = 'last';
  readonly canOnePhase = true;
  readonly #definition: LastResourceDefinition<Request>;
  readonly #ambient: Ambient;
  #host: ResourceHost | undefined;
  #stop = new AbortController();

  constructor(definition: LastResourceDefinition<Request>) {
    this.rm = checkRmName(definition.rm);
    this.#definition = definition;
    this.#ambient = definition.ambient ?? systemAmbient;
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  async open(): Promise<RmIdentity> {
    if (this.#stop.signal.aborted) this.#stop = new AbortController();
    const { identity = `service:${this.rm}` } = this.#definition;
    return {
      identity: typeof identity === 'string' ? identity : await identity(),
      incarnation: '1', // it keeps no state here that could go back in time
    };
  }

  async call(request: Request): Promise<void> {
    const { rm } = this;
    const text = effectText(request, { name: 'request', allowToJson: false });
    if (!this.#host) {
      throw new UnanimousError('unknown-rm', `${rm} is not served by this process`, { rm });
    }
    const branch = this.#host.branch((id) => new LastBranch(id, (one) => this.#make(id, one)));
    if (!branch) {
      throw new UnanimousError('no-transaction', `a call of ${rm} outside of a transaction`, {
        rm,
      });
    }
    (await branch).stage(text);
  }

  /** Any process may be asked, also beside the one whose call is on its way: the key is the same. */
  async settle(id: BranchId, receipt: string): Promise<Finished> {
    if (!this.#definition.settle) return this.#make(id, receipt);
    const answer = await this.#ask(id, receipt, (request, context) =>
      this.#definition.settle?.(request, context),
    );
    if (answer && 'unknown' in answer) {
      return { result: 'unknown', reason: reason('heuristic', answer.unknown, this.rm) };
    }
    return this.#finished(answer);
  }

  async #make(id: BranchId, receipt: string): Promise<Finished> {
    return this.#finished(
      await this.#ask(id, receipt, (request, context) => this.#definition.call(request, context)),
    );
  }

  #finished(answer: Refusal | undefined | void): Finished {
    if (!isRefusal(answer)) return { result: 'committed' };
    const why = reason('prepare-refused', `${this.rm} refused: ${answer.refused}`, this.rm);
    return { result: 'rolled-back', reason: why };
  }

  #ask<T>(
    { gid, branch }: BranchId,
    receipt: string,
    ask: (request: Request, context: LastContext) => T | Promise<T>,
  ): Promise<T> {
    const { callTimeoutMs: timeoutMs = 30_000 } = this.#definition;
    const key = `${gid}/${branch}/call`;
    const stop = this.#stop.signal;
    const options = { ambient: this.#ambient, rm: this.rm, what: key, timeoutMs, stop };
    return attempt(options, (signal) => ask(JSON.parse(receipt) as Request, { key, gid, signal }));
  }

  /** It never prepares, so no commit of it is ever ordered. */
  async commit(id: BranchId): Promise<Finished> {
    const message = `${formatBranchId(id)}: a last resource is never prepared`;
    return { result: 'unknown', reason: reason('heuristic', message, this.rm) };
  }

  async abort(): Promise<Finished> {
    return { result: 'rolled-back' }; // before it has the permission nothing is done
  }

  async scan(): Promise<readonly BranchId[]> {
    return [];
  }

  async remembered(): Promise<undefined> {
    return undefined; // it keeps nothing; the client and native resources do
  }

  async remember(): Promise<void> {}

  async close(): Promise<void> {
    this.#stop.abort(new UnanimousError('closed', `${this.rm} was closed`, { rm: this.rm }));
  }
}

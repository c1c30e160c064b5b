import { type BranchId, UnanimousError } from '@unanimous/proto';
import type { EffectPlace, PlacedEffect } from './logged/effect.ts';
import { effectText } from './logged/effect-text.ts';
import type { LoggedBranch } from './logged/logged-branch.ts';
import { type ApplyTry, type LoggedOptions, LoggedResource } from './logged/logged-resource.ts';
import type { OpenBranch, Resource, RmIdentity } from './resource.ts';

/**
 * Says no for good. From `check` it is a no vote: nothing is written anywhere. From `apply` it comes
 * after the decision, so it is a hazard: reported to operators, kept, never tried again.
 */
export interface Refusal {
  readonly refused: string;
}

/** What `apply` knows besides the effect. */
export interface ApplyContext extends EffectPlace {
  /** Fires when this try has taken too long or the resource is closed. */
  readonly signal: AbortSignal;
}

/** A resource of your own: what an effect is, and how to apply one. */
export interface ResourceDefinition<E> extends LoggedOptions {
  /** What the name stands for, say a file's path or a host. Another one is refused under it. */
  readonly identity?: string | (() => string | Promise<string>);
  /** Phase one: whatever would be refused later is refused here, by a `Refusal` or a throw. */
  check?(effect: E): Answer | Promise<Answer>;
  /**
   * Phase two, after the decision. Called at least once for each effect, one after another within
   * a transaction, side by side for several transactions. Done when it returns: what it wrote must
   * then survive a crash. A throw means "not now": it is called again, with the same id, until it
   * returns.
   */
  apply(effect: E, context: ApplyContext): Answer | Promise<Answer>;
  /** True: other languages may write by the coordinator's unary Enlist, with one effect as JSON. */
  readonly takesWork?: boolean;
}

/** Nothing, or a refusal. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- what a function without return gives
type Answer = void | undefined | Refusal;

/** A resource that `defineResource` made. */
export interface DefinedResource<E> extends Resource {
  /**
   * Writes within the current transaction: applied when it commits, forgotten when it aborts.
   * @throws UnanimousError `no-transaction` outside of one, `invalid-argument` for what JSON would
   * change, `payload-too-large`, and those of enlisting.
   */
  write(effect: E): Promise<void>;
}

/**
 * Makes a resource from an `apply` function. The effects travel through the coordinator's log, so
 * nothing is lost with a crashed process. See docs/write-a-resource.md.
 */
export function defineResource<E>(definition: ResourceDefinition<E>): DefinedResource<E> {
  return new FunctionResource(definition);
}

class FunctionResource<E> extends LoggedResource<E> implements DefinedResource<E> {
  readonly #definition: ResourceDefinition<E>;
  declare readonly acceptWork?: (id: BranchId, work: Uint8Array) => Promise<OpenBranch>;

  constructor(definition: ResourceDefinition<E>) {
    super(definition);
    this.#definition = definition;
    const acceptWork = (_: BranchId, work: Uint8Array) => this.#accept(work);
    if (definition.takesWork) this.acceptWork = acceptWork;
  }

  async write(effect: E): Promise<void> {
    await this.stage(effectText(effect, { name: 'effect', allowToJson: false }));
  }

  protected async connect(): Promise<RmIdentity> {
    const { identity = `defined:${this.rm}` } = this.#definition;
    return {
      identity: typeof identity === 'string' ? identity : await identity(),
      incarnation: '1', // it keeps no state here that could go back in time
    };
  }

  protected async checkEffects(effects: readonly E[]): Promise<void> {
    for (const effect of effects) {
      const answer = await this.#definition.check?.(effect);
      if (answer) throw new UnanimousError('prepare-refused', answer.refused, { rm: this.rm });
    }
  }

  protected async applyEffects(
    effects: readonly PlacedEffect<E>[],
    { signal, settle }: ApplyTry,
  ): Promise<void> {
    for (const { effect, place } of effects) {
      signal.throwIfAborted();
      const answer = await this.#definition.apply(effect, { signal, ...place });
      settle(place.index, answer ? { is: 'refused', why: answer.refused } : { is: 'applied' });
    }
  }

  async #accept(work: Uint8Array): Promise<LoggedBranch<E>> {
    const branch = this.openBranch();
    branch.stage(readWork(work, this.rm));
    return branch;
  }
}

function readWork(work: Uint8Array, rm: string): string {
  try {
    return JSON.stringify(JSON.parse(Buffer.from(work).toString()));
  } catch (cause) {
    throw new UnanimousError('invalid-argument', `work for ${rm} is not JSON`, { rm, cause });
  }
}

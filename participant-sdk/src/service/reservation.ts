import { type BranchId, parseGid, reason, UnanimousError } from '@unanimous/proto';
import { type Ambient, systemAmbient } from '../ambient.ts';
import type { PlacedEffect } from '../logged/effect.ts';
import { type ApplyTry, LoggedResource } from '../logged/logged-resource.ts';
import { currentTransaction } from '../participant/scope.ts';
import type { Finished, Resource, RmIdentity } from '../resource.ts';
import { attempt } from './attempt.ts';
import { Cancels } from './cancels.ts';
import { type Held, ReservationBranch, type ReservedEffect } from './reservation-branch.ts';
import {
  type Answer,
  type OpenReservation,
  readDefinition,
  type ReservationDefinition,
  type Settings,
} from './reservation-definition.ts';
import { readReceipt } from './reservation-receipt.ts';

/** A service that reserves, as a resource. */
export interface Reservation<Request, Reserved> extends Resource {
  /**
   * Reserves within the current transaction, now: confirmed when that commits, cancelled or left to
   * lapse when it aborts. Gives what `try` gave.
   * @throws UnanimousError `no-transaction` outside of one; `prepare-refused` when the service says
   * no; `rm-unavailable` when its answer is not known, after which the transaction can't commit;
   * `invalid-argument` when the transaction may take longer than reservations last, and for what
   * JSON would change; `payload-too-large`; and those of enlisting.
   */
  reserve(request: Request): Promise<Reserved>;
}

/**
 * Makes a resource of a service that knows nothing of transactions but can reserve: `try` runs in
 * the transaction, `confirm` after the commit decision, at least once, `cancel` after an abort. What
 * travels with the vote is in the coordinator's log, so any process can confirm. See
 * docs/services.md.
 */
export function reservation<Request, Reserved>(
  definition: ReservationDefinition<Request, Reserved>,
): Reservation<Request, Reserved> {
  return new ReservationResource(readDefinition(definition));
}

/** It keeps no state here that could go back in time. */
const incarnation = '1';

class ReservationResource<Request, Reserved>
  extends LoggedResource<ReservedEffect<Reserved>>
  implements Reservation<Request, Reserved>
{
  readonly #settings: Settings<Request, Reserved>;
  readonly #ambient: Ambient;
  readonly #cancels: Cancels;

  constructor(settings: Settings<Request, Reserved>) {
    super(settings.acts);
    this.#settings = settings;
    this.#ambient = settings.acts.ambient ?? systemAmbient;
    this.#cancels = new Cancels(this.rm, this.#ambient);
  }

  async reserve(request: Request): Promise<Reserved> {
    this.#checkTime(currentTransaction()?.remainingMs() ?? 0);
    const branch = await this.currentBranch((id) => this.#branch(id));
    return branch.reserve(request);
  }

  protected async connect(): Promise<RmIdentity> {
    this.#cancels.open();
    const { identity = `service:${this.rm}` } = this.#settings.acts;
    return {
      identity: typeof identity === 'string' ? identity : await identity(),
      incarnation,
    };
  }

  /** The branch itself has refused what can't be confirmed in time. */
  protected async checkEffects(): Promise<void> {}

  protected async applyEffects(
    effects: readonly PlacedEffect<ReservedEffect<Reserved>>[],
    { signal, settle }: ApplyTry,
  ): Promise<void> {
    const results = await Promise.allSettled(
      effects.map(async ({ effect: { index, reserved }, place: { id: placed, gid, ...place } }) => {
        const id = `${placed.slice(0, placed.lastIndexOf('/'))}/${index}`;
        const key = `${id}/confirm`;
        const answer = await this.#settings.acts.confirm(reserved, { id, key, gid, signal });
        settle(place.index, answer ? { is: 'refused', why: answer.refused } : { is: 'applied' });
      }),
    );
    const failed = results.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  /** Of branches whose process may be gone: the service itself knows what it holds. */
  override async scan(): Promise<readonly BranchId[]> {
    const found = new Map<string, BranchId>();
    for (const { id } of await this.#listOpen()) {
      const branch = branchOf(id, this.rm);
      if (branch) found.set(`${branch.gid}/${branch.branch}`, branch);
    }
    return [...found.values()];
  }

  /** The receipt tells what to cancel, or the service's list; without both it lapses. */
  override async abort({ gid, branch }: BranchId, receipt: string): Promise<Finished> {
    const stop = this.#cancels.stop;
    const of = `${gid}/${branch}/`;
    const told = readReceipt<Reserved>(receipt).map(({ index, reserved }) => ({
      id: `${of}${index}`,
      reserved,
    }));
    const listed = told.length > 0 ? [] : await this.#listOpen();
    const open = [...told, ...listed.filter(({ id }) => id.startsWith(of))];
    const results = await Promise.allSettled(
      open.map(({ id, reserved }) => this.#cancel(id, reserved, stop)),
    );
    const refusals: string[] = [];
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
      if (result.value) refusals.push(result.value.refused);
    }
    if (refusals.length === 0) return { result: 'rolled-back' };
    const message = `${this.rm} refused to cancel what was aborted: ${refusals.join('; ')}`;
    return { result: 'unknown', reason: reason('heuristic', message, this.rm) };
  }

  override async close(): Promise<void> {
    await Promise.all([super.close(), this.#cancels.close()]);
  }

  /** Whatever is decided in time is decided early enough for its confirm. */
  #checkTime(remainingMs: number): void {
    const { lapsesAfterMs, confirmWithinMs } = this.#settings;
    if (remainingMs + confirmWithinMs <= lapsesAfterMs) return;
    const message =
      `${this.rm}: the transaction may take ${Math.ceil(remainingMs)} ms more and its confirm ` +
      `${confirmWithinMs} ms, but reservations lapse after ${lapsesAfterMs} ms`;
    throw new UnanimousError('invalid-argument', message, {
      rm: this.rm,
      hint: `Begin it with a timeoutMs of at most ${lapsesAfterMs - confirmWithinMs}, or reserve for longer.`,
    });
  }

  #branch(id: BranchId): ReservationBranch<Request, Reserved> {
    return new ReservationBranch({
      id,
      settings: this.#settings,
      ambient: this.#ambient,
      logged: this.branchOptions(),
      cancel: (held) => {
        for (const one of held) {
          const run = (stop: AbortSignal) => this.#cancelUnvoted(id, one, stop);
          this.#cancels.add({ lapsesAtMs: one.lapsesAtMs, run });
        }
      },
    });
  }

  /** True when nothing is left to do. Nobody hears of it: the branch has never voted. */
  async #cancelUnvoted(
    { gid }: BranchId,
    { id, request, isAsked, answer }: Held<Request, Reserved>,
    stop: AbortSignal,
  ): Promise<boolean> {
    const { acts } = this.#settings;
    // An answer that is on its way may come yet; a cancel must not overtake its try.
    if (isAsked) return false;
    if (answer) await this.#cancel(id, answer.reserved, stop);
    else if (acts.cancelUnanswered) {
      await this.#call(`cancel of ${id}`, stop, (signal) => {
        const context = { id, key: `${id}/cancel`, tryKey: `${id}/try`, gid, signal };
        return acts.cancelUnanswered?.(request, context);
      });
    }
    return true;
  }

  async #listOpen(): Promise<readonly OpenReservation<Reserved>[]> {
    const { acts } = this.#settings;
    if (!acts.listOpen) return [];
    const open = await this.#call('listOpen', this.#cancels.stop, (signal) =>
      acts.listOpen?.(signal),
    );
    return open ?? [];
  }

  #cancel(id: string, reserved: Reserved, stop: AbortSignal): Promise<Answer> {
    const gid = id.slice(0, id.indexOf('/')) as BranchId['gid'];
    return this.#call(`cancel of ${id}`, stop, (signal) =>
      this.#settings.acts.cancel(reserved, { id, key: `${id}/cancel`, gid, signal }),
    );
  }

  #call<T>(
    what: string,
    stop: AbortSignal,
    call: (signal: AbortSignal) => T | Promise<T>,
  ): Promise<T> {
    const { applyTimeoutMs: timeoutMs = 30_000 } = this.#settings.acts;
    return attempt({ ambient: this.#ambient, rm: this.rm, what, timeoutMs, stop }, call);
  }
}

/** The branch that an id names; undefined for what was reserved outside of transactions. */
function branchOf(id: string, rm: string): BranchId | undefined {
  const [, gid = '', branch = ''] = /^([^/]+)\/([1-9]\d{0,8})\/\d+$/.exec(id) ?? [];
  try {
    return { gid: parseGid(gid).gid, branch: Number(branch), rm, incarnation };
  } catch {
    return undefined;
  }
}

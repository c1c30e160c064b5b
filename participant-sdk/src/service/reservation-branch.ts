import { type BranchId, UnanimousError } from '@unanimous/proto';
import type { Ambient } from '../ambient.ts';
import { effectText } from '../logged/effect-text.ts';
import { LoggedBranch, type LoggedBranchOptions } from '../logged/logged-branch.ts';
import type { PrepareResult } from '../resource.ts';
import { attempt } from './attempt.ts';
import { isRefusal, type Settings } from './reservation-definition.ts';
import { writeReceipt } from './reservation-receipt.ts';

/** A reservation as it travels with the vote. */
export interface ReservedEffect<Reserved> {
  /** Its number within the branch: its place in the payload is that of its answer. */
  readonly index: number;
  readonly reserved: Reserved;
}

/** A reservation of a transaction that is not decided. */
export interface Held<Request, Reserved> {
  readonly id: string;
  readonly index: number;
  readonly request: Request;
  readonly lapsesAtMs: number;
  /** The call of `try` has not ended, whoever still waits for it. */
  isAsked: boolean;
  /** What `try` gave, also when that came too late for the transaction. */
  answer?: { readonly reserved: Reserved };
}

/** What a branch asks of its resource. */
export interface ReservationBranchOptions<Request, Reserved> {
  readonly id: BranchId;
  readonly settings: Settings<Request, Reserved>;
  readonly ambient: Ambient;
  readonly logged: LoggedBranchOptions<ReservedEffect<Reserved>>;
  /** Called once, when it ends without a yes: nobody else knows of these. */
  cancel(held: readonly Held<Request, Reserved>[]): void;
}

/** A service's part of one transaction: what it has reserved, and what it was asked to. */
export class ReservationBranch<Request, Reserved> extends LoggedBranch<ReservedEffect<Reserved>> {
  readonly #options: ReservationBranchOptions<Request, Reserved>;
  readonly #held = new Set<Held<Request, Reserved>>();
  readonly #stop = new AbortController();
  readonly #running = new Set<string>();
  #count = 0;
  #isLeft = false;

  constructor(options: ReservationBranchOptions<Request, Reserved>) {
    super(options.logged);
    this.#options = options;
  }

  /** Calls `try`, once. What it throws also spoils the vote: nobody knows what was reserved. */
  async reserve(request: Request): Promise<Reserved> {
    this.checkWorking();
    const held = this.#hold(request);
    this.#held.add(held);
    this.#running.add(held.id);
    try {
      const answer = await this.#try(held);
      if (isRefusal(answer)) throw refusedTry(this.#rm, answer.refused);
      const reserved: unknown = JSON.parse(effectText(answer, reservedText));
      this.stage(JSON.stringify({ index: held.index, reserved }));
      return answer;
    } catch (error) {
      const cause = UnanimousError.from(error, 'rm-unavailable');
      if (this.#held.has(held)) this.spoil(cause);
      throw cause;
    } finally {
      this.#running.delete(held.id);
    }
  }

  override busy(): string | undefined {
    const [id] = this.#running;
    return id && `try of ${id}`;
  }

  /** Votes no where a confirm might come too late: after the vote nothing can be refused. */
  override async prepare(): Promise<PrepareResult> {
    this.checkWorking();
    const { ambient, settings } = this.#options;
    const running = this.busy();
    if (running) this.spoil(new UnanimousError('statement-running', running, { rm: this.#rm }));
    for (const { id, lapsesAtMs } of this.#held) {
      const leftMs = lapsesAtMs - ambient.nowMs();
      if (leftMs >= settings.confirmWithinMs) continue;
      const message = `${id} lapses in ${Math.round(leftMs)} ms, which may be before its confirm`;
      this.spoil(new UnanimousError('prepare-refused', message, { rm: this.#rm, retryable: true }));
    }
    const result = await super.prepare();
    if (result.vote !== 'yes') return result;
    this.#isLeft = true; // from here on only the decision ends it (PROTOCOL rule 3)
    const reserved = [...this.#held].flatMap(({ index, answer }) =>
      answer ? [{ index, reserved: answer.reserved }] : [],
    );
    return { ...result, receipt: writeReceipt(reserved) };
  }

  override async rollback(): Promise<void> {
    await super.rollback();
    if (this.#isLeft) return;
    this.#isLeft = true;
    const { rm, id } = { rm: this.#rm, id: this.#options.id };
    const why = `the transaction ended while ${rm} was asked`;
    this.#stop.abort(new UnanimousError('work-after-end', why, { rm, gid: id.gid }));
    if (this.#held.size > 0) this.#options.cancel([...this.#held]);
  }

  #hold(request: Request): Held<Request, Reserved> {
    const { id, ambient, settings } = this.#options;
    const index = this.#count++;
    return {
      id: `${id.gid}/${id.branch}/${index}`,
      index,
      request,
      lapsesAtMs: ambient.nowMs() + settings.lapsesAfterMs,
      isAsked: true,
    };
  }

  #try(held: Held<Request, Reserved>) {
    const { id, ambient, settings } = this.#options;
    const { lapsesAfterMs, tryTimeoutMs: timeoutMs } = settings;
    const what = `try of ${held.id}`;
    const options = { ambient, rm: id.rm, what, timeoutMs, stop: this.#stop.signal };
    return attempt(options, async (signal) => {
      const key = `${held.id}/try`;
      const context = { id: held.id, key, gid: id.gid, signal, lapsesAfterMs };
      try {
        const answer = await settings.acts.try(held.request, context);
        if (!isRefusal(answer)) held.answer = { reserved: answer };
        else this.#held.delete(held); // nothing was reserved, and the caller decides what to do
        return answer;
      } finally {
        held.isAsked = false;
      }
    });
  }

  get #rm(): string {
    return this.#options.id.rm;
  }
}

const reservedText = { name: 'reserved', allowToJson: false };

function refusedTry(rm: string, why: string): UnanimousError {
  return new UnanimousError('prepare-refused', `${rm} refused to reserve: ${why}`, {
    rm,
    hint: 'Let the transaction abort, or catch this and reserve otherwise.',
  });
}

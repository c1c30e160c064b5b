import { type Gid, UnanimousError } from '@unanimous/proto';
import type { Refusal } from '../define-resource.ts';
import type { LoggedOptions } from '../logged/logged-resource.ts';

/** What `try`, `confirm` and `cancel` know besides. */
export interface ReservationContext {
  /** `GID/BRANCH/INDEX`: names the reservation, the same in all three. */
  readonly id: string;
  /** Idempotency key of this act, the same each time: `ID/try`, `ID/confirm` or `ID/cancel`. */
  readonly key: string;
  readonly gid: Gid;
  /** Fires when it has taken too long, when the transaction is over, or at `close`. */
  readonly signal: AbortSignal;
}

/** What `try` knows besides. */
export interface TryContext extends ReservationContext {
  /** How long the service must hold what it reserves, from when it is asked. */
  readonly lapsesAfterMs: number;
}

/** What `cancelUnanswered` knows besides. */
export interface UnansweredContext extends ReservationContext {
  /** The key under which `try` was sent. */
  readonly tryKey: string;
}

/**
 * A service that reserves, and later confirms or cancels what it has reserved. What nobody confirms
 * must lapse there by itself: a process that dies before its vote leaves nobody else who knows.
 */
export interface ReservationDefinition<Request, Reserved> extends LoggedOptions {
  /** What the name stands for, say an account and a host. Another one is refused under it. */
  readonly identity?: string | (() => string | Promise<string>);
  /** After how long the service drops what was not confirmed. Longer than any transaction. */
  readonly lapsesAfterMs: number;
  /**
   * How much of that must be left when the transaction's time is over; 60,000 unless told. So long
   * may coordinator, processes and service be away after the decision.
   */
  readonly confirmWithinMs?: number;
  /** How long `try` may take; 10,000 unless told. */
  readonly tryTimeoutMs?: number;
  /**
   * Reserves, at once, within the transaction, and gives what the others need, as JSON can hold it.
   * A `Refusal` is the caller's to deal with; after a throw the transaction can't commit.
   */
  try(request: Request, context: TryContext): Reserved | Refusal | Promise<Reserved | Refusal>;
  /**
   * After the commit decision, at least once, in any process that serves the name. A throw means
   * "not now"; a `Refusal` is a hazard: what is committed was not confirmed.
   */
  confirm(reserved: Reserved, context: ReservationContext): Answer | Promise<Answer>;
  /**
   * After an abort, where a process is left that knows of the reservation; else it lapses. A throw
   * means "not now". To cancel what has lapsed is no refusal; what is confirmed must be refused.
   */
  cancel(reserved: Reserved, context: ReservationContext): Answer | Promise<Answer>;
  /**
   * After an abort, where `try` was sent and its answer was lost: send it again under its key and
   * cancel what it gives, say. Left out, such a reservation lapses.
   */
  cancelUnanswered?(request: Request, context: UnansweredContext): Answer | Promise<Answer>;
  /**
   * All that is reserved at the service and neither confirmed, cancelled nor lapsed, by whichever
   * process. With it what a dead process has reserved is found by a scan and cancelled when its
   * transaction is aborted, instead of blocking until it lapses.
   */
  listOpen?(
    signal: AbortSignal,
  ): readonly OpenReservation<Reserved>[] | Promise<readonly OpenReservation<Reserved>[]>;
}

/** A reservation as the service lists it. */
export interface OpenReservation<Reserved> {
  /** The `id` that `try` was given and kept with it. What has another form is left alone. */
  readonly id: string;
  readonly reserved: Reserved;
}

/** Nothing, or a refusal. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- what a function without return gives
export type Answer = void | undefined | Refusal;

/** True for an answer that says no. */
export function isRefusal(answer: unknown): answer is Refusal {
  const isObject = typeof answer === 'object' && answer !== null;
  return isObject && 'refused' in answer && typeof answer.refused === 'string';
}

/** A definition with its defaults. */
export interface Settings<Request, Reserved> {
  readonly acts: ReservationDefinition<Request, Reserved>;
  readonly lapsesAfterMs: number;
  readonly confirmWithinMs: number;
  readonly tryTimeoutMs: number;
}

/** Checks a definition. @throws UnanimousError `invalid-argument`. */
export function readDefinition<Request, Reserved>(
  definition: ReservationDefinition<Request, Reserved>,
): Settings<Request, Reserved> {
  const { rm, lapsesAfterMs, confirmWithinMs = 60_000, tryTimeoutMs = 10_000 } = definition;
  const settings = { acts: definition, lapsesAfterMs, confirmWithinMs, tryTimeoutMs };
  for (const name of ['lapsesAfterMs', 'confirmWithinMs', 'tryTimeoutMs'] as const) {
    if (settings[name] > 0 && Number.isFinite(settings[name])) continue;
    throw new UnanimousError('invalid-argument', `${name}: ${settings[name]} is not a duration`, {
      rm,
    });
  }
  if (lapsesAfterMs > confirmWithinMs) return settings;
  const message = `lapsesAfterMs: ${lapsesAfterMs} leaves no time beside confirmWithinMs: ${confirmWithinMs}`;
  throw new UnanimousError('invalid-argument', message, {
    rm,
    hint: 'Let the service hold reservations for longer, or set a smaller confirmWithinMs.',
  });
}

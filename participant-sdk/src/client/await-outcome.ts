import type { Gid } from '@unanimous/proto';
import { failpoint, UnanimousError } from '@unanimous/proto';
import { sleep, within } from '../ambient.ts';
import { backoffMs } from '../backoff.ts';
import type { Link } from '../session/link.ts';
import type { ClientCore } from './core.ts';
import { readOutcome, type TransactionOutcome, unknownError } from './outcome.ts';

const again = { firstMs: 20, maxMs: 500 };

/** How long past deadline and wait an answer may take before we say `unknown`. */
export const graceMs = 2_000;

/** How a commit is asked for. */
export interface CommitRequest {
  readonly gid: Gid;
  readonly link: Link;
  /** Time until the deadline, after which an undecided transaction is aborted. */
  readonly remainingMs: number;
  /** 0: answer when decided. */
  readonly waitAppliedMs: number;
}

/** Hears how a commit ended, once. */
export interface OutcomeListener {
  readonly resolve: (outcome: TransactionOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** What waits for the coordinator's answer to a commit. */
export interface AwaitedAnswer {
  /** The coordinator's word; undefined where it was not heard and must be asked for again. */
  hear(outcome: TransactionOutcome | undefined): void;
  /** It has failed for good. */
  fail(error: unknown): void;
}

/** Asks for the commit of a transaction that the coordinator knows, and waits as `awaitOutcome`. */
export function commitAndAwait(
  core: ClientCore,
  request: CommitRequest,
  listener: OutcomeListener,
): void {
  const { gid, link, waitAppliedMs } = request;
  const awaited = awaitOutcome(core, request, listener);
  link.request(
    'commits',
    { gid, waitAppliedMs },
    {
      answer: (wire) => awaited.hear(readOutcome(gid, wire)),
      // Lost, or refused because it is over: the log knows what became of it.
      refuse: () => awaited.hear(undefined),
    },
  );
}

/**
 * Waits for the true outcome of a commit that is asked for now, across lost sessions; bounded by the
 * deadline and the caller's wait. From here on no timer decides anything: what was not heard is
 * `unknown`.
 */
export function awaitOutcome(
  core: ClientCore,
  { gid, waitAppliedMs, remainingMs }: CommitRequest,
  { resolve, reject }: OutcomeListener,
): AwaitedAnswer {
  const { ambient } = core.settings;
  const limitMs = remainingMs + waitAppliedMs + graceMs;
  const startedMs = ambient.nowMs();
  let isOver = false;
  failpoint('k.commit.before-send');
  const tooLate = core.alarms.set(limitMs, () => {
    isOver = true;
    reject(unknownError(gid, `no answer within ${Math.round(limitMs)} ms`));
  });
  return {
    hear: (heard) => {
      if (isOver) return;
      isOver = true;
      tooLate.cancel();
      failpoint('k.commit.answered');
      if (heard && heard.outcome !== 'unknown') return resolve(heard);
      const untilMs = startedMs + limitMs;
      const appliedUntilMs = startedMs + waitAppliedMs;
      askUntilKnown(core, gid, { untilMs, appliedUntilMs }).then(resolve, reject);
    },
    fail: (error) => {
      if (isOver) return;
      isOver = true;
      tooLate.cancel();
      reject(error);
    },
  };
}

/** Until when to ask, monotonic. */
interface Patience {
  readonly untilMs: number;
  /** Until when a committed but unapplied outcome is asked for again. */
  readonly appliedUntilMs: number;
}

/**
 * Asks again and again, until a decision is known and, for a time, until it is applied.
 * @throws UnanimousError `unknown`, when nobody could tell in time.
 */
export async function askUntilKnown(
  core: ClientCore,
  gid: Gid,
  { untilMs, appliedUntilMs }: Patience,
): Promise<TransactionOutcome> {
  const { ambient } = core.settings;
  let lastError: unknown;
  for (let failures = 1; ; failures++) {
    const leftMs = untilMs - ambient.nowMs();
    if (leftMs <= 0) throw unknownError(gid, 'the coordinator did not tell in time', lastError);
    try {
      const outcome = await askOnce(core, gid, leftMs);
      const isFinal = outcome.outcome !== 'committed' || outcome.applied;
      const isDue = ambient.nowMs() >= appliedUntilMs;
      if (outcome.outcome !== 'unknown' && (isFinal || isDue)) return outcome;
    } catch (error) {
      lastError = error;
      if (!isPassing(error)) throw unknownError(gid, (error as Error).message, error);
    }
    await sleep(ambient, backoffMs(ambient, again, failures));
  }
}

/**
 * Asks the coordinator once what became of a transaction.
 * @throws UnanimousError `foreign-gid`, `malformed-gid`, `not-connected`, `session-lost`, `closed`.
 */
export async function askOnce(
  core: ClientCore,
  gid: Gid,
  limitMs: number,
): Promise<TransactionOutcome> {
  const { ambient } = core.settings;
  const startedMs = ambient.nowMs();
  const link = await core.session.whenOpen(limitMs);
  const leftMs = Math.max(1, startedMs + limitMs - ambient.nowMs());
  const answer = link.ask('asks', { gid }).then((wire) => readOutcome(gid, wire));
  return within(ambient, leftMs, answer, () => {
    throw new UnanimousError('not-connected', 'the coordinator did not answer in time', { gid });
  });
}

/** A failure to ask that a new session mends. */
function isPassing(error: unknown): boolean {
  const passing: readonly string[] = ['session-lost', 'not-connected', 'overloaded', 'not-active'];
  return error instanceof UnanimousError && passing.includes(error.code);
}

import { type Gid, parseGid, reason, UnanimousError } from '@unanimous/proto';
import type { ClientCore } from '../client/core.ts';
import { currentScope, Scope } from '../participant/scope.ts';

/** A handler's part in a transaction that its caller began. It cannot end the transaction. */
export interface JoinedScope {
  readonly gid: Gid;
  /** Runs the handler: all it calls finds the transaction. */
  run<T>(fn: () => T): T;
  /**
   * The handler answers. What it left unfinished dooms the transaction and is returned as the error
   * to answer instead. Idempotent.
   */
  answer(): UnanimousError | undefined;
  /**
   * The handler failed, or its caller went away: its part must not be committed. Gives the reason
   * that the transaction aborts for. Does nothing after an answer.
   */
  fail(error: unknown): UnanimousError | undefined;
}

/** What can join transactions: a TransactionClient. */
export interface Joiner {
  join(gid: string, remainingMs: number | undefined): JoinedScope;
}

/**
 * Joins a transaction by what its caller's request carried. Without a remaining time the client's
 * own timeout counts.
 * @throws UnanimousError `malformed-gid`, `invalid-argument`.
 */
export function join(core: ClientCore, text: string, remaining: number | undefined): JoinedScope {
  const { gid } = parseGid(text);
  const remainingMs = remaining ?? core.settings.timeoutMs;
  if (!Number.isFinite(remainingMs) || remainingMs < 0) {
    throw new UnanimousError('invalid-argument', `the remaining time ${remaining} is not a time`);
  }
  const { participant } = core;
  const transaction = participant.transaction(gid, participant, remainingMs);
  const scope = new Scope(transaction, 'answered-before-enlisted', () => {
    participant.release(transaction);
  });
  return {
    gid,
    run: (fn) => scope.run(fn),
    answer: () => scope.close(),
    fail: (error) => {
      if (scope.isClosed) return undefined;
      const why = transaction.doomedBy ?? reasonOf(error);
      transaction.doom(why);
      scope.close();
      return new UnanimousError('aborted', why.message, { gid, reason: why });
    },
  };
}

/** For the log: an error of the user's own says only its name. */
function reasonOf(error: unknown) {
  if (error instanceof UnanimousError) return error.toReason();
  const name = error instanceof Error ? error.name : typeof error;
  return reason('client-aborted', `a called service failed with ${name}`);
}

/** What a request to another service must carry: the gid, and the time that is left. */
export interface Baggage {
  readonly gid: Gid;
  readonly remainingMs: number;
  /** Call it when the answer is there; a call that is not awaited fails the commit. */
  readonly answered: () => void;
}

/**
 * What to send along with a call that begins now; undefined outside of a transaction.
 * @throws UnanimousError `work-after-end` when the transaction is over.
 */
export function packBaggage(): Baggage | undefined {
  const scope = currentScope();
  if (!scope) return undefined;
  scope.checkOpen();
  const gid = scope.transaction.handOut();
  const remainingMs = Math.ceil(scope.transaction.remainingMs());
  return { gid, remainingMs, answered: scope.begin() };
}

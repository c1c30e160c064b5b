import { fromServiceError, type Reason, reason, UnanimousError } from '@unanimous/proto';
import { backoffMs } from '../backoff.ts';
import type { TransactionContext } from '../participant/local-transaction.ts';
import { begin, type ClientCore } from './core.ts';
import { checkMs } from './options.ts';
import type { Committed } from './outcome.ts';
import { checkNotNested, type CommitOptions, Transaction } from './transaction.ts';
import { whenAborted } from './when-aborted.ts';

/** How a transaction begins. */
export interface BeginOptions {
  /** For operators: what it does, say "place-order". */
  readonly name?: string;
  /** Its deadline; the client's unless told. */
  readonly timeoutMs?: number;
  /** Aborts it, as long as its commit was not asked for. */
  readonly signal?: AbortSignal;
}

/** How often and at what pace to try again. */
export interface RetryOptions {
  /** How often to try again after the first time. */
  readonly attempts: number;
  /** Longest pause after the first failure; it doubles. 20 ms. */
  readonly firstMs?: number;
  /** Longest pause at all; 1 s. */
  readonly maxMs?: number;
}

/** How `transaction()` runs. */
export interface RunOptions extends BeginOptions, CommitOptions {
  /** Tries again, with a new gid, after aborts that say `retryable`. Never unless told. */
  readonly retry?: number | RetryOptions;
}

/** What `transaction()` gives: the function's value, and the outcome. */
export interface CommittedValue<T> extends Committed {
  readonly value: T;
}

/** A function that runs in a transaction. */
export type TransactionFunction<T> = (transaction: TransactionContext) => T | Promise<T>;

/** What an attempt that failed says of the next one. */
interface Attempt {
  mayRetry: boolean;
}

/** Runs `fn` in a transaction and commits it; see `TransactionClient.transaction`. */
export function runTransaction<T>(
  core: ClientCore,
  fn: TransactionFunction<T>,
  options: RunOptions,
): Promise<CommittedValue<T>> {
  const once = { mayRetry: false };
  return options.retry === undefined
    ? attempt(core, fn, options, once)
    : attemptAgain(core, fn, options, options.retry);
}

async function attemptAgain<T>(
  core: ClientCore,
  fn: TransactionFunction<T>,
  options: RunOptions,
  retry: number | RetryOptions,
): Promise<CommittedValue<T>> {
  const { attempts, firstMs = 20, maxMs = 1_000 } = retryOf(retry);
  const { ambient } = core.settings;
  for (let failures = 1; ; failures++) {
    const tried: Attempt = { mayRetry: false };
    try {
      return await attempt(core, fn, options, tried);
    } catch (error) {
      if (!tried.mayRetry || failures > attempts) throw error;
      const leastMs = error instanceof UnanimousError ? (error.retryAfterMs ?? 0) : 0;
      const pauseMs = Math.max(leastMs, backoffMs(ambient, { firstMs, maxMs }, failures));
      await pause(core, pauseMs, options.signal);
    }
  }
}

async function attempt<T>(
  core: ClientCore,
  fn: TransactionFunction<T>,
  options: RunOptions,
  tried: Attempt,
): Promise<CommittedValue<T>> {
  checkNotNested();
  let transaction: Transaction;
  try {
    // Awaited in any case: whether `fn` begins in a later turn must not hang on who has gids left.
    transaction = await beginTransaction(core, options);
  } catch (error) {
    // Nothing was begun. Whoever waited in vain for a connection need not wait again.
    tried.mayRetry = error instanceof UnanimousError && error.code === 'overloaded';
    throw error;
  }
  let value: T;
  try {
    value = await transaction.run(fn);
  } catch (error) {
    const doomedBy = transaction.doomedBy;
    await transaction.abortBecause(reasonOf(error, doomedBy));
    tried.mayRetry = isRetryable(error) || doomedBy?.retryable === true;
    throw error;
  }
  try {
    const { outcome, gid, applied, pending } = await transaction.commit(options);
    return { value, outcome, gid, applied, pending };
  } catch (error) {
    tried.mayRetry = isRetryable(error);
    throw error;
  }
}

/** Begins a transaction, at once where a gid is at hand; see `TransactionClient.begin`. */
export function beginTransaction(
  core: ClientCore,
  options: BeginOptions,
): Transaction | Promise<Transaction> {
  const { signal, name = '' } = options;
  if (signal?.aborted) throw cancelledError(signal);
  const timeoutMs = checkMs('timeoutMs', options.timeoutMs, core.settings.timeoutMs, 1);
  const begun = begin(core, name.slice(0, 200), timeoutMs);
  if (!(begun instanceof Promise)) return new Transaction(core, begun, signal);
  const transaction = begun.then((one) => new Transaction(core, one, signal));
  if (!signal) return transaction;
  return new Promise((resolve, reject) => {
    const ignore = whenAborted(signal, () => reject(cancelledError(signal)));
    transaction.then(resolve, reject).finally(ignore);
  });
}

function isRetryable(error: unknown): boolean {
  return ownError(error)?.retryable === true;
}

/** The error of ours that it is, or that a called service has answered by gRPC. */
function ownError(error: unknown): UnanimousError | undefined {
  const read = fromServiceError(error, 'internal');
  return read.code === 'internal' ? undefined : read;
}

/** Why it is aborted, for the log: an error of the user's own says only its name. */
function reasonOf(error: unknown, doomedBy: Reason | undefined): Reason {
  if (doomedBy) return doomedBy;
  const own = ownError(error);
  if (own) return own.reason ?? own.toReason();
  const name = error instanceof Error ? error.name : typeof error;
  return reason('client-aborted', `the transaction's function threw ${name}`);
}

function retryOf(retry: number | RetryOptions): RetryOptions {
  const options = typeof retry === 'object' ? retry : { attempts: retry };
  if (Number.isInteger(options.attempts) && options.attempts >= 0) return options;
  throw new UnanimousError(
    'invalid-argument',
    `retry: ${options.attempts} is not a number of times`,
  );
}

function pause(core: ClientCore, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancelledError(signal));
    const callOff = core.settings.ambient.after(ms, () => {
      ignore?.();
      resolve();
    });
    const onAbort = () => {
      callOff();
      reject(cancelledError(signal));
    };
    const ignore = signal && whenAborted(signal, onAbort);
  });
}

function cancelledError(signal: AbortSignal | undefined): UnanimousError {
  const message = 'the AbortSignal fired before the commit was asked for';
  return new UnanimousError('cancelled', message, { cause: signal?.reason });
}

import { wellFormed } from './header-text.ts';

/** What a code means to its reader: the remedy, and whether trying again may help. */
interface ErrorKind {
  readonly hint: string;
  readonly retryable: boolean;
}

const kind = (hint: string, retryable = false): ErrorKind => ({ hint, retryable });

/** Every error of Unanimous: stable code, the remedy, and whether to try again may help. */
const catalogue = {
  // Outcomes that `transaction()` and `commit()` throw.
  aborted: kind('Nothing was written. Look at `reason`; when `retryable` is true, try again.'),
  unknown: kind('The decision was asked for but not heard. Ask again with outcome(gid).'),
  expired: kind('The log has forgotten this transaction. Look into the resource managers.'),
  heuristic: kind(
    'A branch did not follow the decision. See `unanimous show GID`, repair, resolve.',
  ),

  // Requests that are refused.
  'invalid-argument': kind('Correct the named field.'),
  'malformed-gid': kind('A gid reads LOGID-EPOCH-COUNTER and is made by the coordinator only.'),
  'foreign-gid': kind('Another coordinator made this gid. Ask that one.'),
  'not-live': kind('The transaction has ended, or never began here. Begin a new one.'),
  'not-owner': kind('Only the session (or the holder of the secret) that began it may do this.'),
  'unknown-rm': kind('Serve the resource manager first: tm.serve(resource).'),
  'rm-not-served': kind('Start a process that serves this resource manager.', true),
  'rm-identity-mismatch': kind(
    'Two different databases use one RM name. Give each its own name, in all its processes.',
  ),
  'takes-no-work': kind('This resource manager is written through the SDK, not through Enlist.'),
  'too-many-branches': kind('Write less in one transaction, or raise --max-branches.'),
  'payload-too-large': kind(
    'Store the payload elsewhere and send a reference, or raise the limit.',
  ),
  overloaded: kind('The coordinator is at its limit. Try again after the given time.', true),
  'unsupported-protocol': kind(
    'Upgrade the older side; the message says which versions it speaks.',
  ),
  draining: kind('The coordinator is stopping. Try again when it is back.', true),

  // Reasons of an abort.
  'client-aborted': kind('The function of the transaction threw, or abort() was called.'),
  timeout: kind(
    'The deadline passed before the decision. Shorten the work or raise timeoutMs.',
    true,
  ),
  'session-lost': kind('A process or its connection was lost before it had voted.', true),
  'branch-unknown': kind('The participant does not know this branch: it restarted.', true),
  'branch-doomed': kind('The branch failed earlier; see the message.'),
  'statement-running': kind('A statement was not awaited. Await everything inside transaction().'),
  'handler-running': kind(
    'A called service was still working. Await the call before the commit.',
    true,
  ),
  'prepare-refused': kind('The resource manager refused to prepare; its answer is in the message.'),
  'serialization-failure': kind('The database found a conflict. Try again.', true),
  'constraint-violated': kind('A constraint refused the data at prepare or before.'),
  'prepared-disabled': kind(
    'ALTER SYSTEM SET max_prepared_transactions = 200; then restart Postgres.',
  ),
  'no-prepared-slot': kind('Raise max_prepared_transactions, or let fewer run at once.', true),
  'rm-unavailable': kind('The resource manager cannot be reached or refuses us.', true),
  unroutable: kind('No queue takes this message. Declare the queue or the binding first.'),

  // Misuse of the SDK.
  'no-transaction': kind('Call it inside tm.transaction(), or in a handler that joined one.'),
  'nested-transaction': kind('A transaction is already open here. Write in that one.'),
  'transaction-control': kind(
    "Inside a transaction the SDK ends the branch. Use the builder's transaction(), or none.",
  ),
  'work-after-end': kind('The transaction is over. Await all work before its function returns.'),
  'answered-before-enlisted': kind('Await every write before the handler answers.'),
  'not-connected': kind(
    'No coordinator answers at this address. Start it or mend the address.',
    true,
  ),
  cancelled: kind('The AbortSignal fired before the commit was asked for; nothing was written.'),
  closed: kind('close() was called on this object.'),

  // The coordinator's own.
  'log-locked': kind('Another coordinator runs on this folder. Stop it, or use another folder.'),
  'log-newer': kind('The log was written by a newer version. Run that version or a later one.'),
  'log-damaged': kind('Records are missing or changed. Restore from the copy; see the message.'),
  'log-failed': kind('The decision could not be made durable. Mend the disk, start again.'),
  'log-restored': kind('This log is older than what participants have seen. Use the newest log.'),
  'not-active': kind('This coordinator was superseded. Ask the active one.', true),
  'insecure-listen': kind(
    'Off loopback pass --tls-cert, --tls-key and --client-ca, or --insecure on purpose.',
  ),
  'cannot-resolve': kind('Only an unacknowledged or heuristic branch can be resolved.'),
  unreachable: kind('Is the coordinator running there? See --address.', true),
  internal: kind('A defect of Unanimous. Report it with the message and the log lines.'),
} satisfies Record<string, ErrorKind>;

/** Stable code of an error; new ones may come, none changes its meaning. */
export type ErrorCode = keyof typeof catalogue;

/** All codes, in the order of the catalogue. */
export const errorCodes = Object.keys(catalogue) as readonly ErrorCode[];

/** True for a text that is a code of this version's catalogue. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(catalogue, text);
}

/** A typed cause as it travels between processes and stands in the log. */
export interface Reason {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  /** Resource manager that it concerns; empty when none. */
  readonly rm: string;
  readonly retryable: boolean;
}

/** What an error knows besides its code and message. */
export interface ErrorDetails {
  /** Overrides the catalogue's remedy. */
  readonly hint?: string;
  /** The transaction that it concerns. */
  readonly gid?: string;
  /** Resource manager that it concerns. */
  readonly rm?: string;
  /** Code `aborted`: what the no-voter said. */
  readonly reason?: Reason;
  /** Overrides the catalogue: may the same transaction succeed when tried again? */
  readonly retryable?: boolean;
  /** When to try again, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The one error class. `code` is stable, `hint` names the remedy. */
export class UnanimousError extends Error {
  override readonly name = 'UnanimousError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly gid: string | undefined;
  readonly rm: string | undefined;
  readonly reason: Reason | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint ?? catalogue[code].hint;
    this.gid = details.gid;
    this.rm = details.rm;
    this.reason = details.reason;
    this.retryable = details.retryable ?? details.reason?.retryable ?? catalogue[code].retryable;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** The error itself when it is one of ours; otherwise one with `code` and it as the cause. */
  static from(error: unknown, code: ErrorCode = 'internal'): UnanimousError {
    if (error instanceof UnanimousError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new UnanimousError(code, message, { cause: error });
  }

  /** The error as it travels: without stack, cause or anything secret. */
  toReason(): Reason {
    const { code, message, hint, rm = '', retryable } = this;
    return { code, message: cut(message), hint: cut(hint), rm, retryable };
  }
}

/** Makes a reason from the catalogue. */
export function reason(code: ErrorCode, message: string, rm = ''): Reason {
  const { hint, retryable } = catalogue[code];
  return { code, message: cut(message), hint, rm, retryable };
}

/**
 * Reads a reason that came from another process; an unknown code becomes `internal`, and long texts
 * are cut, as outcomes and the log keep them.
 */
export function readReason(wire: {
  code: string;
  message: string;
  hint: string;
  rm: string;
  retryable: boolean;
}): Reason {
  return {
    code: isErrorCode(wire.code) ? wire.code : 'internal',
    message: cut(wire.message),
    hint: cut(wire.hint),
    rm: wire.rm.slice(0, 64),
    retryable: wire.retryable,
  };
}

/** The beginning of a text, whole characters only. */
function cut(text: string): string {
  return wellFormed(text.slice(0, 2_000));
}

import { Metadata, type ServiceError, status as Status } from '@grpc/grpc-js';
import { metadataKeys } from './definition.ts';
import { type ErrorCode, isErrorCode, type Reason, readReason, UnanimousError } from './errors.ts';
import { cutEncoded, decodeHeaderText, encodeHeaderText } from './header-text.ts';

/**
 * Status of each code, for callers that know gRPC but not Unanimous. ABORTED and UNAVAILABLE:
 * nothing was written, and another try may succeed. FAILED_PRECONDITION and INVALID_ARGUMENT:
 * nothing was written, and another try fails alike. UNKNOWN: ask for the outcome. DEADLINE_EXCEEDED
 * is not used: gRPC itself answers it when nobody knows the outcome, and `timeout` means an abort.
 */
const statuses: Record<ErrorCode, Status> = {
  aborted: Status.ABORTED,
  unknown: Status.UNKNOWN,
  expired: Status.NOT_FOUND,
  heuristic: Status.DATA_LOSS,

  'invalid-argument': Status.INVALID_ARGUMENT,
  'malformed-gid': Status.INVALID_ARGUMENT,
  'foreign-gid': Status.FAILED_PRECONDITION,
  'not-live': Status.FAILED_PRECONDITION,
  'not-owner': Status.PERMISSION_DENIED,
  'unknown-rm': Status.FAILED_PRECONDITION,
  'rm-not-served': Status.UNAVAILABLE,
  'rm-identity-mismatch': Status.FAILED_PRECONDITION,
  'takes-no-work': Status.FAILED_PRECONDITION,
  'too-many-branches': Status.FAILED_PRECONDITION,
  'payload-too-large': Status.INVALID_ARGUMENT,
  overloaded: Status.RESOURCE_EXHAUSTED,
  'unsupported-protocol': Status.FAILED_PRECONDITION,
  draining: Status.UNAVAILABLE,

  'client-aborted': Status.ABORTED,
  timeout: Status.ABORTED,
  'session-lost': Status.ABORTED,
  'branch-unknown': Status.ABORTED,
  'branch-doomed': Status.FAILED_PRECONDITION,
  'statement-running': Status.FAILED_PRECONDITION,
  'handler-running': Status.ABORTED,
  'prepare-refused': Status.FAILED_PRECONDITION,
  'serialization-failure': Status.ABORTED,
  'constraint-violated': Status.FAILED_PRECONDITION,
  'prepared-disabled': Status.FAILED_PRECONDITION,
  'no-prepared-slot': Status.RESOURCE_EXHAUSTED,
  'rm-unavailable': Status.UNAVAILABLE,
  unroutable: Status.FAILED_PRECONDITION,

  'no-transaction': Status.FAILED_PRECONDITION,
  'nested-transaction': Status.FAILED_PRECONDITION,
  'transaction-control': Status.FAILED_PRECONDITION,
  'work-after-end': Status.FAILED_PRECONDITION,
  'answered-before-enlisted': Status.FAILED_PRECONDITION,
  'not-connected': Status.UNAVAILABLE,
  cancelled: Status.CANCELLED,
  closed: Status.FAILED_PRECONDITION,

  'log-locked': Status.FAILED_PRECONDITION,
  'log-newer': Status.FAILED_PRECONDITION,
  'log-damaged': Status.DATA_LOSS,
  'log-failed': Status.INTERNAL,
  'log-restored': Status.DATA_LOSS,
  'not-active': Status.UNAVAILABLE,
  'insecure-listen': Status.FAILED_PRECONDITION,
  'cannot-resolve': Status.FAILED_PRECONDITION,
  unreachable: Status.UNAVAILABLE,
  internal: Status.INTERNAL,
};

/** What a code of a newer version means at least, by the status that came with it. */
const atLeast: { readonly [status: number]: ErrorCode } = {
  [Status.ABORTED]: 'aborted',
  [Status.UNKNOWN]: 'unknown',
  [Status.INVALID_ARGUMENT]: 'invalid-argument',
};

/** Sizes of encoded texts, so that all trailers together stay below 8 KiB. */
const maxMessageBytes = 2_048;
const maxHintBytes = 1_024;
const maxReasonTextBytes = 512;
const maxNameBytes = 256;

/** The gRPC status that stands for a code. */
export function statusOf(code: ErrorCode): Status {
  return statuses[code];
}

/**
 * The error as a gRPC server answers it: status, message, and in the trailers all that
 * `fromServiceError` needs to rebuild it, but its cause. Long texts are cut. An error that is not
 * ours becomes `internal`.
 */
export function toServiceError(error: unknown): ServiceError {
  const { code, message, hint, gid, rm, reason, retryable, retryAfterMs } =
    UnanimousError.from(error);
  const metadata = new Metadata();
  metadata.set(metadataKeys.code, code);
  metadata.set(metadataKeys.hint, encodeHeaderText(cut(hint, maxHintBytes)));
  metadata.set(metadataKeys.retryable, String(retryable));
  if (gid !== undefined) metadata.set(metadataKeys.gid, encodeHeaderText(cut(gid, maxNameBytes)));
  if (rm !== undefined) metadata.set(metadataKeys.rm, encodeHeaderText(cut(rm, maxNameBytes)));
  if (reason) metadata.set(metadataKeys.reason, encodeReason(reason));
  if (retryAfterMs !== undefined) metadata.set(metadataKeys.retryAfterMs, String(retryAfterMs));
  const details = cutEncoded(message, maxMessageBytes, encodeURI); // as grpc-js encodes it
  return Object.assign(new Error(details), { code: statusOf(code), details, metadata });
}

/**
 * The error that a failed gRPC call stands for. One that a coordinator or participant answered
 * keeps its code. Any other failure (no connection, a proxy, a deadline) says nothing of what the
 * call did: it becomes `unheard`, so a commit passes `unknown`; without it, `unreachable`.
 */
export function fromServiceError(error: unknown, unheard?: ErrorCode): UnanimousError {
  if (error instanceof UnanimousError) return error;
  if (!isServiceError(error)) return UnanimousError.from(error, unheard);
  const read = (key: string): string | undefined => {
    const value = error.metadata.get(key)[0];
    return typeof value === 'string' ? decodeHeaderText(value) : undefined;
  };
  const answered = read(metadataKeys.code);
  if (answered === undefined) return fromSilence(error, unheard);
  const code = isErrorCode(answered) ? answered : (atLeast[error.code] ?? unheard ?? 'internal');
  const [hint, gid, rm] = [metadataKeys.hint, metadataKeys.gid, metadataKeys.rm].map(read);
  const retryable = read(metadataKeys.retryable);
  const retryAfterMs = Number(read(metadataKeys.retryAfterMs));
  const reason = decodeReason(read(metadataKeys.reason));
  return new UnanimousError(code, error.details, {
    ...(hint !== undefined && { hint }),
    ...(gid !== undefined && { gid }),
    ...(rm !== undefined && { rm }),
    ...(reason && { reason }),
    ...(retryable !== undefined && { retryable: retryable === 'true' }),
    ...(retryAfterMs > 0 && Number.isSafeInteger(retryAfterMs) && { retryAfterMs }),
    cause: error,
  });
}

/** A failure that no coordinator or participant answered. */
function fromSilence(error: ServiceError, unheard: ErrorCode = 'unreachable'): UnanimousError {
  const message = `${Status[error.code] ?? error.code}: ${error.details}`;
  if (unheard !== 'unreachable') return new UnanimousError(unheard, message, { cause: error });
  if (error.code === Status.UNIMPLEMENTED) {
    return new UnanimousError('unsupported-protocol', message, { cause: error });
  }
  const retryable = error.code === Status.UNAVAILABLE;
  return new UnanimousError('unreachable', message, { retryable, cause: error });
}

function isServiceError(error: unknown): error is ServiceError {
  if (!(error instanceof Error) || !('code' in error) || !('details' in error)) return false;
  return typeof error.code === 'number' && 'metadata' in error && isMetadata(error.metadata);
}

/** By shape: an application may have a second copy of grpc-js. */
function isMetadata(value: unknown): value is Metadata {
  return typeof value === 'object' && value !== null && 'get' in value;
}

function encodeReason({ code, message, hint, rm, retryable }: Reason): string {
  const short = {
    code,
    message: cut(message, maxReasonTextBytes),
    hint: cut(hint, maxReasonTextBytes),
    rm: cut(rm, maxNameBytes),
    retryable,
  };
  return encodeHeaderText(JSON.stringify(short));
}

function cut(text: string, maxBytes: number): string {
  return cutEncoded(text, maxBytes, encodeHeaderText);
}

function decodeReason(text: string | undefined): Reason | undefined {
  if (text === undefined) return undefined;
  try {
    const { code, message, hint, rm, retryable } = JSON.parse(text) as Reason;
    const isWhole = [code, message, hint, rm].every((one) => typeof one === 'string');
    if (!isWhole || typeof retryable !== 'boolean') return undefined;
    return readReason({ code, message, hint, rm, retryable });
  } catch {
    return undefined; // a trailer that somebody else wrote
  }
}

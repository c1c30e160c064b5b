import { UnanimousError } from '@unanimous/proto';

/** What the server says of a failure, in an answer of its own or in an item of a bulk. */
export interface SearchFailure {
  readonly status: number;
  readonly type: string;
  readonly reason: string;
}

/** No index takes this document. */
export function unroutable(rm: string, index: string, cause?: unknown): UnanimousError {
  const hint = 'Create the index first, with its mapping.';
  return new UnanimousError('unroutable', `index ${index} does not exist`, { rm, cause, hint });
}

/** What the server or the client said, as one of our errors. */
export function searchError(rm: string, what: string, cause: unknown): UnanimousError {
  const failure = failureOf(cause);
  if (failure) return failureError(rm, what, failure, cause);
  const text = cause instanceof Error ? cause.message || cause.name : String(cause);
  const hint = 'Is the cluster running there? Look at its log.';
  return new UnanimousError('rm-unavailable', `${what}: ${text}`, { rm, cause, hint });
}

/** A failure that the server named, as one of our errors. */
export function failureError(
  rm: string,
  what: string,
  { status, type, reason }: SearchFailure,
  cause?: unknown,
): UnanimousError {
  const message = `${what}: ${type || status}: ${reason}`;
  if (type === 'index_not_found_exception' || /no write index/.test(reason)) {
    const hint = 'Create the index first, with its mapping; an alias needs one write index.';
    return new UnanimousError('unroutable', message, { rm, cause, hint });
  }
  if (type === 'cluster_block_exception') {
    const hint = 'Lift the block: free disk space, or reset index.blocks and cluster.blocks.';
    return new UnanimousError('rm-unavailable', message, { rm, cause, hint });
  }
  const isForbidden = status === 401 || status === 403;
  return new UnanimousError('rm-unavailable', message, {
    rm,
    cause,
    hint: isForbidden
      ? 'Check the user, its password and its rights.'
      : 'Look at the health of the cluster and at its log.',
    retryable: !isForbidden,
  });
}

/** Both clients put the status and the body of the answer into their errors' `meta`. */
function failureOf(error: unknown): SearchFailure | undefined {
  if (!(error instanceof Error) || !('meta' in error)) return undefined;
  const meta = error.meta as Answer | undefined;
  if (!meta?.statusCode) return undefined;
  const said = meta.body?.error;
  if (typeof said !== 'object') {
    return { status: meta.statusCode, type: '', reason: said ?? error.message };
  }
  return { status: meta.statusCode, type: said.type ?? '', reason: said.reason ?? '' };
}

interface Answer {
  readonly statusCode?: number;
  readonly body?: {
    readonly error?: string | { readonly type?: string; readonly reason?: string };
  };
}

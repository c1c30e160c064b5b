import type { UnanimousError } from '@unanimous/proto';

/** What the command tells whoever started it. Documented in docs/operations.md; none changes. */
export const exitCodes = {
  ok: 0,
  error: 1,
  /** The command line is wrong. */
  usage: 2,
  /** `list` and `show`: something is decided and not applied everywhere, or heuristic. */
  attention: 3,
  /** No coordinator answers there, or not now. */
  unreachable: 4,
  /** The coordinator, or the log, refuses. */
  refused: 5,
  /** `serve`: the coordinator has stopped by itself, because its log failed or must not be used. */
  stopped: 6,
} as const;

/** The exit code of a command that has failed. */
export function exitCodeOf({ code }: UnanimousError): number {
  switch (code) {
    case 'invalid-argument':
    case 'malformed-gid':
    case 'insecure-listen':
      return exitCodes.usage;
    case 'unreachable':
    case 'not-connected':
    case 'not-active':
    case 'draining':
      return exitCodes.unreachable;
    case 'log-failed':
      return exitCodes.stopped;
    case 'internal':
    case 'unknown':
    case 'cancelled':
    case 'closed':
      return exitCodes.error;
    default:
      return exitCodes.refused;
  }
}

import { type Acknowledgement, readReason, reason, type Vote as WireVote } from '@unanimous/proto';
import type { Result, Vote } from '../protocol/decide.ts';

/** A vote as the core takes it. What is over a limit, or says nothing, is a no. */
export function readVote(
  wire: Pick<WireVote, 'kind' | 'receipt' | 'redo' | 'reason'>,
  maxPayloadBytes: number,
): Vote {
  const { kind, receipt, redo, reason: why } = wire;
  switch (kind) {
    case 'YES':
    case 'READY':
      if (redo.byteLength > maxPayloadBytes || receipt.length > 4_096) {
        const message = `redo: ${redo.byteLength} bytes; the limit is ${maxPayloadBytes}`;
        return { is: 'no', reason: reason('payload-too-large', message) };
      }
      return { is: kind === 'YES' ? 'yes' : 'ready', receipt, redo };
    case 'READ_ONLY':
      return { is: 'read-only' };
    default:
      return {
        is: 'no',
        reason: why ? readReason(why) : reason('prepare-refused', 'a vote without a reason'),
      };
  }
}

/** One for all: what was ordered needs no reason. */
const committed: Result = { is: 'committed' };

/** A result of phase two as the core takes it; undefined when it says nothing. */
export function readResult(ack: Acknowledgement): Result | undefined {
  const given = ack.reason ? readReason(ack.reason) : undefined;
  switch (ack.result) {
    case 'COMMITTED':
      return given ? { is: 'committed', reason: given } : committed;
    case 'ROLLED_BACK':
      return { is: 'rolled-back', reason: given ?? reason('heuristic', 'was rolled back', ack.rm) };
    case 'UNKNOWN_RESULT':
      return { is: 'unknown', reason: given ?? reason('heuristic', 'nobody can tell', ack.rm) };
    case 'PENDING':
      return { is: 'pending', reason: given ?? reason('rm-unavailable', 'not yet', ack.rm) };
    default:
      return undefined;
  }
}

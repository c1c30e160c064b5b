import type { Gid } from '@unanimous/proto';
import { type Logger, logEvents } from './log-events.ts';
import type { TransactionEvent } from './protocol/transaction.ts';

/** Logs what happened to a transaction, without payloads and receipts. */
export function reportEvent(logger: Logger, gid: Gid, event: TransactionEvent): void {
  switch (event.kind) {
    case 'recorded':
      return logger.debug({ event: logEvents.transactionCommitted, gid, seq: event.at.seq });
    case 'aborted':
      return logger.debug({ event: logEvents.transactionAborted, gid, reason: event.reason });
    case 'ended':
      return logger.debug({ event: logEvents.transactionEnded, gid });
    case 'reported': {
      const { branch, reason } = event;
      return logger.warn({ event: logEvents.branchPending, gid, branch, reason });
    }
    case 'heuristic': {
      const { branch, decision, result, reason } = event;
      const about = { gid, branch: branch.branch, rm: branch.rm, decision, result, reason };
      return logger.error({ event: logEvents.branchHeuristic, ...about });
    }
    case 'resolved': {
      const { branch, resolution, operator, reason } = event;
      const about = { gid, branch, resolution, operator, reason };
      return logger.warn({ event: logEvents.branchResolved, ...about });
    }
    default:
  }
}

import { formatGid, type Gid, type LogId, reason } from '@unanimous/proto';
import type { LogEntry } from '../../../coordinator/src/log/decision-log.ts';
import type { DecidedBranch, LogRecord } from '../../../coordinator/src/protocol/record.ts';

/** A branch as decisions hold it. */
export function decidedBranch(changes: Partial<DecidedBranch> = {}): DecidedBranch {
  return {
    branch: 1,
    rm: 'orders-db',
    kind: 'native',
    incarnation: '7123-1',
    receipt: '7123:orders:1:991:0/16B6C50',
    redo: new Uint8Array(),
    ...changes,
  };
}

/** A commit decision of a transaction, as large as a usual one. */
export function commitDecided(gid: Gid): LogRecord {
  const redo = new Uint8Array(Buffer.from('{"item":4711}'));
  const second = decidedBranch({ branch: 2, rm: 'events', kind: 'logged', redo });
  return { kind: 'commit-decided', gid, branches: [decidedBranch(), second] };
}

/** The record that ends a transaction. */
export function ended(gid: Gid): LogRecord {
  return { kind: 'ended', gid };
}

/** The record of a branch that did not follow its commit. */
export function heuristic(gid: Gid): LogRecord {
  const [branch, why] = [decidedBranch(), reason('heuristic', 'rolled back by hand')];
  return {
    kind: 'heuristic',
    gid,
    decision: 'committed',
    branch,
    result: 'rolled-back',
    reason: why,
  };
}

/** Gid of the transaction number `counter` of an epoch. */
export function gidOf(logId: LogId, epoch: number, counter: number): Gid {
  return formatGid(logId, { epoch, counter });
}

/** What an entry says, short enough to compare: `commit-decided 1-17`. */
export function summary({ record }: LogEntry): string {
  if ('gid' in record) return `${record.kind} ${record.gid.slice(13)}`;
  if (record.kind === 'forgotten') {
    return `forgotten ${record.through.epoch}-${record.through.counter}`;
  }
  return `${record.kind} ${record.rm}`;
}

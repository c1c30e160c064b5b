import { type Birth, compareBirths, type Gid, parseGid } from '@unanimous/proto/vocabulary';
import { GidMap } from '../gid-map.ts';
import type { LogRecord } from '../protocol/record.ts';

/** What the retention rule looks at in a record; any LogRecord is one. */
export interface RetentionKey {
  readonly kind: LogRecord['kind'];
  readonly gid?: Gid;
  readonly through?: Birth;
}

/** What a log holds, as far as the retention rule needs it. Make it with `newRetention`. */
export interface Retention {
  readonly transactions: GidMap<Seen>;
  /** The highest mark: ended transactions born up to here are forgotten. */
  through: Birth;
  /** Marks in the log, the highest included. */
  markCount: number;
}

/** What a log holds of one transaction. */
export interface Seen {
  /** Read once: a compaction looks at every transaction. */
  readonly birth: Birth;
  recordCount: number;
  ended: boolean;
}

/** The retention of an empty log. */
export function newRetention(): Retention {
  return { transactions: new GidMap(), through: { epoch: 0, counter: 0 }, markCount: 0 };
}

/** Takes in a record that the log now holds. The order of records makes no difference. */
export function noteRecord(retention: Retention, key: RetentionKey): void {
  if (key.gid !== undefined) {
    const known = retention.transactions.get(key.gid);
    const seen = known ?? { birth: parseGid(key.gid).birth, recordCount: 0, ended: false };
    seen.recordCount += 1;
    seen.ended ||= key.kind === 'ended';
    if (!known) retention.transactions.set(key.gid, seen);
  }
  if (key.through !== undefined) {
    retention.markCount += 1;
    if (compareBirths(key.through, retention.through) > 0) retention.through = key.through;
  }
}

/** Takes out a record that the log holds no more. */
export function noteDropped(retention: Retention, key: RetentionKey): void {
  if (key.through !== undefined) retention.markCount -= 1;
  const seen = key.gid && retention.transactions.get(key.gid);
  if (!key.gid || !seen) return;
  seen.recordCount -= 1;
  if (seen.recordCount === 0) retention.transactions.delete(key.gid);
}

/**
 * The rule: all records of a transaction are needed until it has ended and was forgotten by a
 * mark (never by age alone); the highest mark and what names resource managers always are.
 */
export function isNeeded(retention: Retention, key: RetentionKey): boolean {
  if (key.gid !== undefined) return !isForgotten(retention, retention.transactions.get(key.gid));
  return key.through === undefined || compareBirths(key.through, retention.through) === 0;
}

/**
 * Whether a record may be dropped while others of its transaction stay behind. `ended` goes last:
 * a decision without it would be carried out again after a restart.
 */
export function mayGoAlone(retention: Retention, key: RetentionKey): boolean {
  if (key.gid === undefined) return !isNeeded(retention, key);
  const seen = retention.transactions.get(key.gid);
  if (!isForgotten(retention, seen)) return false;
  return key.kind !== 'ended' || seen?.recordCount === 1;
}

/** How many records of the log are needed no more. Looks at every transaction. */
export function countUnneeded(retention: Retention): number {
  let count = Math.max(0, retention.markCount - 1);
  for (const seen of retention.transactions.values()) {
    if (isForgotten(retention, seen)) count += seen.recordCount;
  }
  return count;
}

function isForgotten({ markCount, through }: Retention, seen: Seen | undefined): boolean {
  if (markCount === 0) return false; // a start asks for every record
  if (!seen?.ended) return false;
  return compareBirths(seen.birth, through) <= 0;
}

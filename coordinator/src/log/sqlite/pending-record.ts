import type { LogRecord } from '../../protocol/record.ts';
import { encodeRecord, frameOverheadBytes } from '../record-codec.ts';
import type { RetentionKey } from '../retention.ts';

/** A new record on its way to the disk, with what the retention rule needs of it. */
export interface PendingRecord extends RetentionKey {
  readonly payload: string;
}

/** Makes a record ready for the worker. */
export function toPending(record: LogRecord): PendingRecord {
  const { payload } = encodeRecord(record);
  const { kind } = record;
  if (record.kind === 'forgotten') return { kind, payload, through: record.through };
  if (record.kind === 'rm-registered') return { kind, payload };
  return { kind, payload, gid: record.gid };
}

/** About how many bytes the records take in the log. */
export function estimateBytes(records: readonly PendingRecord[]): number {
  let bytes = 0;
  for (const { payload } of records) bytes += payload.length + frameOverheadBytes;
  return bytes;
}

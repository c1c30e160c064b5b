import type { Gid } from '@unanimous/proto/vocabulary';
import type { LogRecord } from '../../protocol/record.ts';
import { encodeRecord, frameOverheadBytes } from '../record-codec.ts';
import type { RetentionKey } from '../retention.ts';

/** A new record on its way to the disk, with what the retention rule needs of it. */
export interface PendingRecord extends RetentionKey {
  readonly payload: string;
}

/**
 * A record as one line, `KIND GID JSON`: many of them joined are one string, which goes to another
 * thread at a third of what objects cost.
 */
export function toLine(record: LogRecord): string {
  const { kind, payload } = encodeRecord(record);
  return `${kind} ${'gid' in record ? record.gid : ''} ${payload}`;
}

/** The records of joined lines. */
export function fromLines(lines: string): PendingRecord[] {
  return lines.split('\n').map((line) => {
    const kindEnd = line.indexOf(' ');
    const gidEnd = line.indexOf(' ', kindEnd + 1);
    const kind = line.slice(0, kindEnd) as PendingRecord['kind'];
    const payload = line.slice(gidEnd + 1);
    if (gidEnd > kindEnd + 1) return { kind, payload, gid: line.slice(kindEnd + 1, gidEnd) as Gid };
    if (kind !== 'forgotten') return { kind, payload };
    const { through } = JSON.parse(payload) as Required<Pick<RetentionKey, 'through'>>;
    return { kind, payload, through };
  });
}

/** Joins lines into one message; JSON holds no line breaks. */
export function joinLines(lines: readonly string[]): string {
  return lines.join('\n');
}

/** About how many bytes a line takes in the log. */
export function estimateBytes(line: string): number {
  return line.length + frameOverheadBytes;
}

import type { Gid } from '@unanimous/proto/vocabulary';
import type { LogRecord } from '../../protocol/record.ts';
import { encodeRecord, type FrameContent, frameOverheadBytes, lengthOf } from '../record-codec.ts';
import type { RetentionKey } from '../retention.ts';

/** A new record on its way to the disk, with what the retention rule needs of it. */
export interface PendingRecord extends RetentionKey, FrameContent {
  readonly kind: LogRecord['kind'];
}

/** A record on its way to another thread: `KIND GID REDO-LENGTH JSON`, and its redo payloads. */
export interface RecordLine {
  readonly line: string;
  readonly redo?: readonly Uint8Array[] | undefined;
}

/**
 * Many records as they travel. One string goes to another thread at a third of what objects cost, and
 * bytes of their own go there without a copy.
 */
export interface PackedLines {
  readonly lines: string;
  /** The redo payloads of all, one after the other. */
  readonly redo?: Uint8Array<ArrayBuffer>;
}

/** A new record as a line. */
export function toLine(record: LogRecord): RecordLine {
  return lineOf(encodeRecord(record), 'gid' in record ? record.gid : '');
}

/** What was read as a line. Its JSON holds the gid, too. */
export function lineOf({ kind, payload, redo }: FrameContent, gid = ''): RecordLine {
  return { line: `${kind} ${gid} ${lengthOf(redo)} ${payload}`, redo };
}

/** Lines as one message; JSON holds no line breaks. */
export function packLines(lines: readonly RecordLine[]): PackedLines {
  const text = lines.map(({ line }) => line).join('\n');
  const parts = lines.flatMap(({ redo = [] }) => redo);
  if (parts.length === 0) return { lines: text };
  const redo = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    redo.set(part, at);
    at += part.byteLength;
  }
  return { lines: text, redo };
}

/** The records of a message, their redo payloads still in its bytes. */
export function unpackLines({ lines, redo }: PackedLines): PendingRecord[] {
  let redoAt = 0;
  return lines.split('\n').map((line) => {
    const kindEnd = line.indexOf(' ');
    const gidEnd = line.indexOf(' ', kindEnd + 1);
    const lengthEnd = line.indexOf(' ', gidEnd + 1);
    const kind = line.slice(0, kindEnd) as PendingRecord['kind'];
    const length = Number(line.slice(gidEnd + 1, lengthEnd));
    const payload = line.slice(lengthEnd + 1);
    const parts = redo && length > 0 ? [redo.subarray(redoAt, redoAt + length)] : undefined;
    redoAt += length;
    if (gidEnd > kindEnd + 1) {
      return { kind, payload, redo: parts, gid: line.slice(kindEnd + 1, gidEnd) as Gid };
    }
    if (kind !== 'forgotten') return { kind, payload, redo: parts };
    const { through } = JSON.parse(payload) as Required<Pick<RetentionKey, 'through'>>;
    return { kind, payload, through };
  });
}

/** About how many bytes a line takes in the log. */
export function estimateBytes({ line, redo }: RecordLine): number {
  return line.length + lengthOf(redo) + frameOverheadBytes;
}

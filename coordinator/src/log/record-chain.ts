import type { LogId } from '@unanimous/proto/vocabulary';
import { chainOf, type Frame, type FrameContent, frameLength, writeFrame } from './record-codec.ts';

/** The end of a log, onto which the next record is chained. */
export interface ChainEnd {
  readonly logId: LogId;
  readonly seq: number;
  readonly chain: string;
}

/** What to write: a new record, or one that is carried and keeps the place where it was written. */
export interface Unplaced extends FrameContent {
  readonly origin?: Frame['origin'];
}

/** A record with the place where it was first written. */
export type KeptRecord = FrameContent & Pick<Frame, 'origin'>;

/** Frames that follow each other without a gap, as one value to store. */
export interface Batch {
  readonly firstSeq: number;
  readonly count: number;
  readonly bytes: Buffer;
}

/**
 * Places records behind `end` in the name of an epoch and packs them into batches of about
 * `maxBatchBytes` (a single larger record is a batch of its own). Returns the new end as well.
 */
export function chainRecords(
  end: ChainEnd,
  epoch: number,
  records: readonly Unplaced[],
  maxBatchBytes: number,
): { readonly batches: Batch[]; readonly end: ChainEnd } {
  const batches: Batch[] = [];
  let newEnd = end;
  for (let from = 0; from < records.length; ) {
    const lengths = lengthsOfBatch(records, from, maxBatchBytes);
    const firstSeq = newEnd.seq + 1;
    const packed = packBatch(newEnd, epoch, records.slice(from, from + lengths.length), lengths);
    batches.push({ firstSeq, count: lengths.length, bytes: packed.bytes });
    newEnd = packed.end;
    from += lengths.length;
  }
  return { batches, end: newEnd };
}

/** Lengths of the frames, from one record on, that go into one batch. */
function lengthsOfBatch(records: readonly Unplaced[], from: number, maxBytes: number): number[] {
  const lengths: number[] = [];
  let bytes = 0;
  for (let at = from; at < records.length; at += 1) {
    const length = frameLength(records[at] as Unplaced);
    if (bytes > 0 && bytes + length > maxBytes) break;
    lengths.push(length);
    bytes += length;
  }
  return lengths;
}

function packBatch(
  { logId, ...before }: ChainEnd,
  epoch: number,
  records: readonly Unplaced[],
  lengths: readonly number[],
): { readonly bytes: Buffer; readonly end: ChainEnd } {
  let { seq, chain } = before;
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const [n, { kind, payload, redo, origin }] of records.entries()) {
    const length = lengths[n] ?? 0;
    seq += 1;
    const place = { epoch, seq };
    // Field by field: a start writes every record that is needed.
    const where = origin ?? place;
    const frame = { logId, epoch, seq, origin: where, prev: chain, kind, payload, redo };
    chain = chainOf(writeFrame(bytes, at, frame, length));
    at += length;
  }
  return { bytes, end: { logId, seq, chain } };
}

import type { LogId } from '@unanimous/proto';
import { chainOf, encodeFrame, type Frame, type FrameContent } from './record-codec.ts';

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
  const { logId } = end;
  const batches: Batch[] = [];
  let { seq, chain } = end;
  let frames: Buffer[] = [];
  let bytes = 0;
  const pack = () => {
    const firstSeq = seq - frames.length + 1;
    batches.push({ firstSeq, count: frames.length, bytes: Buffer.concat(frames, bytes) });
    frames = [];
    bytes = 0;
  };
  for (const { kind, payload, origin } of records) {
    const place = { epoch, seq: seq + 1 };
    const frame = encodeFrame({
      logId,
      ...place,
      origin: origin ?? place,
      prev: chain,
      kind,
      payload,
    });
    if (bytes > 0 && bytes + frame.length > maxBatchBytes) pack();
    frames.push(frame);
    bytes += frame.length;
    seq += 1;
    chain = chainOf(frame);
  }
  if (bytes > 0) pack();
  return { batches, end: { logId, seq, chain } };
}

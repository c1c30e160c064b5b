import { UnanimousError } from '@unanimous/proto/vocabulary';
import type { ReadFrame } from '../record-codec.ts';

/** Records of one of the two places where a log stands, perhaps with gaps. */
export interface Side {
  readonly frames: readonly ReadFrame[];
  /** Where the log may begin: from there on it is complete. */
  readonly begin: { readonly seq: number; readonly prev: string } | undefined;
}

/**
 * The union of what both sides hold, in the order of the log: each record is chained to the one before
 * it, so that only records of one history can follow each other. Nothing when neither side has any.
 * @throws UnanimousError `log-damaged` when a record is missing on both, or the sides contradict
 * each other.
 */
export function uniteSides(sides: readonly Side[]): ReadFrame[] {
  const frames = sides.flatMap((side) => side.frames);
  const bySeq = groupBySeq(frames);
  const begins = sides.flatMap(({ begin }) => begin ?? []).toSorted((a, b) => b.seq - a.seq);
  let best: ReadFrame[] = [];
  for (const begin of begins) {
    const chain = chainFrom(bySeq, begin.seq, begin.prev);
    if ((chain.at(-1)?.seq ?? 0) > (best.at(-1)?.seq ?? 0)) best = chain;
  }
  const end = best.at(-1)?.seq ?? 0;
  let beyond = Infinity;
  for (const { seq } of frames) if (seq > end) beyond = Math.min(beyond, seq);
  if (beyond !== Infinity) {
    throw damaged(`records before ${beyond} are missing, in the log and in its mirror`);
  }
  return best;
}

function groupBySeq(frames: readonly ReadFrame[]): Map<number, ReadFrame[]> {
  const bySeq = new Map<number, ReadFrame[]>();
  for (const frame of frames) {
    const same = bySeq.get(frame.seq);
    if (same) same.push(frame);
    else bySeq.set(frame.seq, [frame]);
  }
  return bySeq;
}

function chainFrom(
  bySeq: ReadonlyMap<number, readonly ReadFrame[]>,
  firstSeq: number,
  prev: string,
): ReadFrame[] {
  const chain: ReadFrame[] = [];
  let hash = prev;
  for (let seq = firstSeq; ; seq += 1) {
    const next = bySeq.get(seq)?.filter((frame) => frame.prev === hash) ?? [];
    const [frame] = next;
    if (!frame) return chain;
    if (next.some((other) => other.chain !== frame.chain)) {
      throw damaged(`record ${seq} stands in another way in the mirror: files were mixed`);
    }
    chain.push(frame);
    hash = frame.chain;
  }
}

function damaged(message: string): UnanimousError {
  return new UnanimousError('log-damaged', message);
}

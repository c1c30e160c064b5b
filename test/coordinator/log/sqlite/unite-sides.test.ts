import type { LogId } from '@unanimous/proto';
import { describe, expect, test } from 'vitest';
import { chainRecords } from '../../../../coordinator/src/log/record-chain.ts';
import {
  chainStart,
  decodeFrames,
  type ReadFrame,
} from '../../../../coordinator/src/log/record-codec.ts';
import { type Side, uniteSides } from '../../../../coordinator/src/log/sqlite/unite-sides.ts';
import { errorOf } from './error-of.ts';

const logId = '0123456789ab' as LogId;

/** `count` records behind others; what is in them depends on `life`. */
function framesOf(life: string, count: number, before: readonly ReadFrame[] = []): ReadFrame[] {
  const { seq = 0, chain = chainStart } = before.at(-1) ?? {};
  const records = Array.from({ length: count }, (_, n) => {
    return { kind: 'ended' as const, payload: JSON.stringify({ life, n }) };
  });
  const { batches } = chainRecords({ logId, seq, chain }, 1, records, 1_000_000);
  return [...before, ...batches.flatMap(({ bytes }) => decodeFrames(bytes))];
}

function sideOf(frames: readonly ReadFrame[], begin = frames[0]): Side {
  return { frames, begin: begin && { seq: begin.seq, prev: begin.prev } };
}

function seqsOf(frames: readonly ReadFrame[]): number[] {
  return frames.map(({ seq }) => seq);
}

const six = framesOf('a', 6);
const nothing: Side = { frames: [], begin: undefined };

describe('the union of a log and its mirror', () => {
  test.each([
    ['the same records', sideOf(six), sideOf(six)],
    ['one that ends earlier', sideOf(six), sideOf(six.slice(0, 4))],
    ['gaps at different places', sideOf(six.toSpliced(2, 1)), sideOf(six.toSpliced(4, 1))],
    ['one that is empty', sideOf(six), nothing],
    ['one that has lost its begin', sideOf(six.slice(2), six[0]), sideOf(six.slice(0, 3))],
    [
      'one that does not know where it begins',
      { frames: six.slice(3), begin: undefined },
      sideOf(six),
    ],
  ])('of %s is all of it, whichever is which', (_, one, other) => {
    expect(uniteSides([one, other])).toEqual(six);
    expect(uniteSides([other, one])).toEqual(six);
  });

  test('begins where it is shortest, when both ways lead to the same end', () => {
    const compacted = sideOf(six.slice(3));
    expect(seqsOf(uniteSides([compacted, sideOf(six)]))).toEqual([4, 5, 6]);
    expect(seqsOf(uniteSides([sideOf(six), compacted]))).toEqual([4, 5, 6]);
  });

  test('goes the way that leads further, when the shorter one has a gap', () => {
    const gap = sideOf([...six.slice(3, 4), ...six.slice(5)], six[3]);
    expect(seqsOf(uniteSides([gap, sideOf(six)]))).toEqual([4, 5, 6]);
    // Nobody has record 3 but the side that begins at 1; the other one begins behind the end.
    const lateBegin: Side = { frames: [], begin: { seq: 7, prev: six[5]?.chain ?? '' } };
    expect(uniteSides([lateBegin, sideOf(six)])).toEqual(six);
    expect(uniteSides([sideOf(six), lateBegin])).toEqual(six);
  });

  test('is refused when neither has a record in the middle', () => {
    const error = errorOf(() => uniteSides([sideOf(six.toSpliced(2, 1)), sideOf(six.slice(0, 2))]));
    expect(error).toMatchObject({ code: 'log-damaged' });
    expect(error.message).toMatch(/^records before 4 are missing, in the log and in its mirror/);
  });

  test('is refused when a record stands in another way on each side', () => {
    const two = six.slice(0, 2);
    const error = errorOf(() => {
      uniteSides([sideOf(framesOf('b', 1, two)), sideOf(framesOf('c', 1, two))]);
    });
    expect(error).toMatchObject({ code: 'log-damaged' });
    expect(error.message).toMatch(/^record 3 stands in another way in the mirror/);
  });

  test('takes no record that is not chained to the one before it', () => {
    const other = framesOf('b', 6);
    const error = errorOf(() =>
      uniteSides([sideOf(six.slice(0, 3)), sideOf(other.slice(3), six[0])]),
    );
    expect(error).toMatchObject({ code: 'log-damaged' });
  });

  test('of nothing is nothing', () => {
    expect(uniteSides([nothing, nothing])).toEqual([]);
  });
});

import { fc } from '../../support/fast-check.ts';
import { expect, test } from 'vitest';
import { positionVersion } from '../../../participant-sdk/src/search/position-version.ts';

const epochs = [0, 1, 3, 9, 10, 511, 512, 513, 2 ** 20, 2 ** 20 + 511];
const seqs = [0, 1, 9, 10, 500, 2 ** 42 - 1];
const epoch = fc.oneof(fc.constantFrom(...epochs), fc.nat(2 ** 20 + 511));
const seq = fc.oneof(fc.constantFrom(...seqs), fc.nat(2 ** 42 - 1));
const wideSeq = fc.oneof(seq, fc.maxSafeNat());
const position = epoch.chain((each) => fc.tuple(fc.constant(each), each < 512 ? wideSeq : seq));

test('versions are in the order of positions, and no two positions share one', () => {
  fc.assert(
    fc.property(position, position, (a, b) => {
      const [first, second] = [a, b].map(([e, s]) => positionVersion({ epoch: e, seq: s }) ?? -1n);
      const order = Math.sign(a[0] - b[0] || a[1] - b[1]);
      expect(Number(first! > second!) - Number(first! < second!)).toBe(order);
    }),
    { numRuns: 2_000 },
  );
});

test('the last position has the last version that the server takes; one beyond has none', () => {
  const last = { epoch: 2 ** 20 + 511, seq: 2 ** 42 - 1 };
  expect(positionVersion(last)).toBe(2n ** 63n - 1n);
  expect(positionVersion({ epoch: last.epoch + 1, seq: 1 })).toBe(undefined);
  expect(positionVersion({ epoch: 512, seq: 2 ** 42 })).toBe(undefined);
  expect(positionVersion({ epoch: 511, seq: Number.MAX_SAFE_INTEGER })).toBe(2n ** 62n - 1n);
  expect(positionVersion({ epoch: 512, seq: 0 })).toBe(2n ** 62n);
});

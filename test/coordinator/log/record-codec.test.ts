import type { Gid, LogId } from '@unanimous/proto';
import { fc } from '../../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import {
  chainOf,
  chainStart,
  decodeFrames,
  decodeRecord,
  encodeRecord,
  type Frame,
  frameLength,
  writeFrame,
} from '../../../coordinator/src/log/record-codec.ts';
import { chainRecords } from '../../../coordinator/src/log/record-chain.ts';
import type { DecidedBranch, LogRecord } from '../../../coordinator/src/protocol/record.ts';
import { commitDecided } from './log-records.ts';

const logId = '0123456789ab' as LogId;
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const gid = fc.nat().map((n) => `${logId}-1-${n + 1}` as Gid);
const count = fc.integer({ min: 1, max: 2 ** 40 });

const branch: fc.Arbitrary<DecidedBranch> = fc.record({
  branch: fc.integer({ min: 1, max: 64 }),
  rm: text,
  kind: fc.constantFrom('native', 'logged', 'last'),
  incarnation: text,
  receipt: text,
  redo: fc.uint8Array({ maxLength: 300 }),
});
const reason = fc.record({
  code: fc.constantFrom('timeout' as const, 'rm-unavailable' as const),
  message: text,
  hint: text,
  rm: text,
  retryable: fc.boolean(),
});

/** Any record, of every kind. */
const record: fc.Arbitrary<LogRecord> = fc.oneof(
  fc.record({ kind: fc.constant('commit-decided'), gid, branches: fc.array(branch) }),
  fc.record({ kind: fc.constant('delegated'), gid, branch }),
  fc.record({ kind: fc.constant('last-asked'), gid, branch, others: fc.array(branch) }),
  fc.record(
    {
      kind: fc.constant('settled'),
      gid,
      outcome: fc.constantFrom('committed', 'aborted'),
      reason,
    },
    { requiredKeys: ['kind', 'gid', 'outcome'] },
  ),
  fc.record({
    kind: fc.constant('heuristic'),
    gid,
    decision: fc.constantFrom('committed', 'aborted'),
    branch,
    result: fc.constantFrom('committed', 'rolled-back', 'unknown'),
    reason,
  }),
  fc.record({
    kind: fc.constant('resolved'),
    gid,
    branch: fc.integer({ min: 1 }),
    resolution: fc.constantFrom('committed', 'rolled-back', 'abandoned'),
    reason: text,
    operator: text,
    at: text,
  }),
  fc.record({ kind: fc.constant('ended'), gid }),
  fc.record({
    kind: fc.constant('forgotten'),
    through: fc.record({ epoch: count, counter: count }),
  }),
  fc.record({ kind: fc.constant('rm-registered'), rm: text, identity: text }),
);

const epochs = { epoch: fc.integer({ min: 0, max: 2 ** 48 - 1 }), seq: count };
const frame: fc.Arbitrary<Frame> = fc
  .record({
    ...epochs,
    origin: fc.record(epochs),
    prev: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    content: record,
  })
  .map(({ content, prev, ...place }) => {
    return { logId, ...place, prev: Buffer.from(prev).toString('hex'), ...encodeRecord(content) };
  });

function encodeFrame(written: Frame): Buffer {
  const length = frameLength(written);
  return writeFrame(Buffer.alloc(length), 0, written, length);
}

const sample = encodeFrame({
  logId,
  epoch: 3,
  seq: 17,
  origin: { epoch: 2, seq: 5 },
  prev: 'f'.repeat(32),
  ...encodeRecord(commitDecided(`${logId}-2-5` as Gid)),
});

describe('a record', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(record, (written) => {
        expect(decodeRecord(encodeRecord(written))).toEqual(written);
      }),
    );
  });

  test.each(['', '{', '1', 'null', '{"gid":"x"}', '{"gid":"x","branch":{"redo":-1}}'])(
    'is refused when its content is %j',
    (payload) => {
      const decode = () => decodeRecord({ kind: 'delegated', payload });
      expect(decode).toThrow(expect.objectContaining({ code: 'log-damaged' }));
    },
  );
});

test.each([
  [0, 2],
  [1, 2],
  [3, 2],
  [2, 0],
])('a record whose branches have %i bytes is refused with %i', (said, there) => {
  const payload = JSON.stringify({ gid: 'x', branch: { redo: said } });
  const decode = () => decodeRecord({ kind: 'delegated', payload, redo: [new Uint8Array(there)] });
  expect(decode).toThrow(expect.objectContaining({ code: 'log-damaged' }));
});

describe('frames', () => {
  test('come back as they were, one after the other', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), (frames) => {
        const encoded = frames.map((each) => encodeFrame(each));
        const expected = frames.map((written, n) => {
          const redo = written.redo && [Buffer.concat(written.redo)];
          const chain = chainOf(encoded[n] ?? Buffer.alloc(0));
          return { ...written, ...(redo && { redo }), chain };
        });
        expect(decodeFrames(Buffer.concat(encoded))).toEqual(expected);
      }),
    );
  });

  test('are refused when one bit of them is flipped, any of them', () => {
    for (let bit = 0; bit < sample.length * 8; bit += 1) {
      const bytes = Buffer.concat([sample, sample]);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(() => decodeFrames(bytes), `bit ${bit}`).toThrow(
        expect.objectContaining({ code: 'log-damaged' }),
      );
    }
  });

  test('are refused when a byte is changed to any other', () => {
    fc.assert(
      fc.property(frame, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, at, change) => {
        const bytes = encodeFrame(written);
        bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ change, at % bytes.length);
        expect(() => decodeFrames(bytes)).toThrow(expect.objectContaining({ code: 'log-damaged' }));
      }),
    );
  });

  test('are refused when they are cut, or something follows them', () => {
    for (let length = 1; length < sample.length; length += 1) {
      expect(() => decodeFrames(sample.subarray(0, length)), `${length}`).toThrow(/record/);
    }
    expect(() => decodeFrames(Buffer.concat([sample, Buffer.from([0])]))).toThrow(/no record/);
  });

  test('any bytes are refused with an error of ours', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        const decode = () => decodeFrames(Buffer.from(bytes));
        expect(decode).toThrow(expect.objectContaining({ code: 'log-damaged' }));
      }),
    );
  });

  test('of a kind that this version does not know are of a newer one', () => {
    const unknown = { kind: 'from-the-future' as Frame['kind'], payload: '{}' };
    const place = { epoch: 1, seq: 9 };
    const bytes = encodeFrame({ logId, ...place, origin: place, prev: chainStart, ...unknown });
    expect(() => decodeFrames(bytes)).toThrow(
      expect.objectContaining({ code: 'log-newer', message: expect.stringContaining('record 9') }),
    );
  });
});

describe('chained records', () => {
  const end = { logId, seq: 4, chain: chainStart };
  const contents = Array.from({ length: 9 }, (_, n) => {
    return encodeRecord(commitDecided(`${logId}-1-${n + 1}` as Gid));
  });

  test('continue the log without a gap, in batches of a limited size', () => {
    const { batches, end: newEnd } = chainRecords(end, 1, contents, 1_000);
    expect(batches.length).toBeGreaterThan(2);
    const frames = batches.flatMap((batch) => {
      const decoded = decodeFrames(batch.bytes);
      expect(decoded).toHaveLength(batch.count);
      expect(decoded[0]?.seq).toBe(batch.firstSeq);
      expect(batch.bytes.length).toBeLessThanOrEqual(1_000);
      return decoded;
    });
    expect(frames.map(({ seq }) => seq)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13]);
    let prev = chainStart;
    for (const read of frames) {
      expect(read.prev).toBe(prev);
      prev = read.chain;
    }
    expect(newEnd).toEqual({ logId, seq: 13, chain: prev });
  });

  test('a record that is too large is a batch of its own', () => {
    const { batches } = chainRecords(end, 1, contents.slice(0, 3), 10);
    expect(batches.map((batch) => batch.count)).toEqual([1, 1, 1]);
  });

  test('no records are no batch', () => {
    expect(chainRecords(end, 1, [], 1_000)).toEqual({ batches: [], end });
  });
});

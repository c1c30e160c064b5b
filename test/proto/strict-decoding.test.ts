import { fc } from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { adminService, coordinatorService, countMessages } from '../../proto/src/index.ts';

const { requestDeserialize, responseDeserialize } = coordinatorService.Session;

/** A field with bytes inside: a message, a text or bytes. */
const field = (number: number, content: number[]): number[] => [
  number * 8 + 2,
  content.length,
  ...content,
];
const integer = (number: number, varint: number[]): number[] => [number * 8, ...varint];

const vote = (content: number[]) => requestDeserialize(Buffer.from(field(4, content))).votes[0];
const seen = (seq: number[]) =>
  requestDeserialize(Buffer.from(field(1, field(6, integer(4, seq))))).hello?.seen?.seq;

describe('enum values', () => {
  test('a known one keeps its name', () => {
    expect(vote(integer(3, [4]))?.kind).toBe('READY');
  });

  test('an unknown one counts as unset', () => {
    expect(vote(integer(3, [5]))?.kind).toBe('VOTE_UNSPECIFIED');
    expect(vote(integer(3, [0xff, 0xff, 0xff, 0xff, 0x0f]))?.kind).toBe('VOTE_UNSPECIFIED');
  });

  test('an unknown one inside a nested list counts as unset', () => {
    const outcome = field(10, [...integer(3, [9]), ...field(7, integer(3, [9]))]);
    const [read] = responseDeserialize(Buffer.from(outcome)).outcomes;
    expect(read?.kind).toBe('OUTCOME_UNSPECIFIED');
    expect(read?.heuristics[0]?.result).toBe('RESULT_UNSPECIFIED');
  });
});

describe('64-bit integers', () => {
  test('2^53 - 1 is exact', () => {
    expect(seen([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('2^53 and above fail the call instead of being rounded', () => {
    expect(() => seen([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10])).toThrow('seq: above');
    expect(() => seen([...Array.from({ length: 9 }, () => 0xff), 1])).toThrow('seq: above');
  });
});

test('a redo payload does not keep its frame in memory', () => {
  const frame = Buffer.concat([
    Buffer.from(field(4, field(5, [1, 2, 3]))),
    Buffer.from([0x7a, 0x80, 0x80, 0x40]), // field 15, of a later version: 1 MiB
    Buffer.alloc(1 << 20),
  ]);
  const redo = requestDeserialize(frame).votes[0]?.redo;
  expect(redo).toEqual(Buffer.from([1, 2, 3]));
  expect(redo?.buffer).not.toBe(frame.buffer);
  expect(redo?.buffer.byteLength).toBeLessThan(1 << 17);
});

describe('a unary call, which the loader decodes,', () => {
  const { Enlist, Get } = coordinatorService;

  test('takes an unknown enum value as unset', () => {
    const kind = (value: number) => Get.responseDeserialize(Buffer.from(integer(3, [value]))).kind;
    expect(kind(1)).toBe('OUTCOME_COMMITTED');
    expect(kind(9)).toBe('OUTCOME_UNSPECIFIED');
  });

  test('fails at an integer above 2^53 instead of rounding it', () => {
    const { responseDeserialize: decode } = adminService.Status;
    const epoch = (varint: number[]) => decode(Buffer.from(integer(3, varint))).epoch;
    const most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    expect(epoch(most)).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => epoch([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10])).toThrow('epoch');
  });

  test('does not keep its message in memory for a few bytes of it', () => {
    const message = Buffer.concat([
      Buffer.from(field(4, [1, 2, 3])),
      Buffer.from([0x7a, 0x80, 0x80, 0x40]), // field 15, of a later version: 1 MiB
      Buffer.alloc(1 << 20),
    ]);
    const { work } = Enlist.requestDeserialize(message);
    expect(work).toEqual(Buffer.from([1, 2, 3]));
    expect(work.buffer.byteLength).toBeLessThan(1 << 17);
  });
});

describe('messages of a frame', () => {
  const votes = (count: number) => Buffer.alloc(2 * count, Buffer.from([0x22, 0]));

  test('1,024 are taken', () => {
    expect(requestDeserialize(votes(1_024)).votes).toHaveLength(1_024);
  });

  test('many more are refused, before they cost anything', () => {
    const crowded = votes(524_288);
    const start = performance.now();
    expect(() => requestDeserialize(crowded)).toThrow('more than 1024 messages in a frame');
    expect(performance.now() - start).toBeLessThan(100);
    expect(() => responseDeserialize(crowded)).toThrow('more than 1024 messages in a frame');
  });

  test('none hide behind a group', () => {
    const hidden = Buffer.concat([Buffer.from([0x7b, 0x7c]), votes(10_000)]);
    expect(() => requestDeserialize(hidden)).toThrow(/^wire type 3 in a frame/);
  });

  // Each begins with a field that the decoder reads as short and a naive scan as long.
  test.each([
    // The decoder reads a vote of 6 bytes with a branch; a scan that trusts wire types reads a
    // varint and then a length that reaches beyond the frame.
    ['a vote with wrong wire types', [0x20, 6, 0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a varint where the decoder expects a message', [0x20, 0x00]],
    ['a fixed32 where the decoder expects a message', [0x25, 0x00]],
    ['a length of 10 bytes', [0x7a, ...Array.from({ length: 9 }, () => 0x80), 0x00]],
    ['a length above 2^32', [0x7a, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['a tag of 6 bytes', [0xfa, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00]],
  ])('none hide behind %s', (_, start) => {
    const hidden = Buffer.concat([Buffer.from(start), votes(10_000)]);
    expect(() => requestDeserialize(hidden)).toThrow(/in a frame$/);
  });

  test('a valid long form of a tag and of a length is read as the decoder reads it', () => {
    const long = [0xfa, 0x80, 0x80, 0x80, 0x00, 0x81, 0x80, 0x80, 0x80, 0x00, 7]; // field 15: [7]
    const few = Buffer.concat([Buffer.from(long), votes(10)]);
    expect(requestDeserialize(few).votes).toHaveLength(10);
    const many = Buffer.concat([Buffer.from(long), votes(10_000)]);
    expect(() => requestDeserialize(many)).toThrow('more than 1024 messages in a frame');
  });

  test('no bytes, however made, yield more messages than a frame may have', () => {
    const start = fc.uint8Array({ maxLength: 24 });
    const chunk = fc.constantFrom(0x22, 0x20, 0x25, 0x21, 0x7a, 0x78, 0x00, 0x01, 0x80, 0xff, 0x0f);
    fc.assert(
      fc.property(start, fc.array(chunk, { maxLength: 24 }), (head, middle) => {
        const bytes = Buffer.concat([head, Buffer.from(middle), votes(2_000)]);
        let count = 0;
        try {
          count = countMessages(requestDeserialize(bytes));
        } catch {
          return; // refused
        }
        expect(count).toBeLessThanOrEqual(1_024 + 64);
      }),
      { numRuns: 2_000 },
    );
  });
});

test('bytes that are no frame throw, and never hang', () => {
  expect(() => requestDeserialize(Buffer.from([0x22, 100, 1]))).toThrow('ends before its content');
  expect(() => requestDeserialize(Buffer.alloc(1_000, 0xff))).toThrow('above 2^32 - 1');
});

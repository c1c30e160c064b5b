import { fc } from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import {
  type Birth,
  compareBirths,
  formatGid,
  type LogId,
  parseGid,
  parseLogId,
} from '../../proto/src/index.ts';
import { attempt, hostileTexts } from './hostile-texts.ts';

const logIds = fc.stringMatching(/^[0-9a-f]{12}$/).map((text) => text as LogId);
const numbers = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const births: fc.Arbitrary<Birth> = fc.record({ epoch: numbers, counter: numbers });

test('a gid reads LOGID-EPOCH-COUNTER', () => {
  const gid = formatGid('4f1c9a7be203' as LogId, { epoch: 2, counter: 1045 });
  expect(gid).toBe('4f1c9a7be203-2-1045');
  expect(parseGid(gid).logId).toBe('4f1c9a7be203');
});

test('each gid is read as it was made, in at most 46 harmless characters', () => {
  fc.assert(
    fc.property(logIds, births, (logId, birth) => {
      const gid = formatGid(logId, birth);
      expect(parseGid(gid)).toEqual({ gid, logId, birth });
      expect(gid).toMatch(/^[0-9a-f-]{16,46}$/);
    }),
  );
});

describe('no other text is a gid', () => {
  test.each([
    '',
    '4f1c9a7be203-2',
    '4f1c9a7be203-2-1045-1',
    '4f1c9a7be203-02-1045',
    '4f1c9a7be203-2-0',
    '4f1c9a7be203--2-1045',
    '4F1C9A7BE203-2-1045',
    '4f1c9a7be20-2-1045',
    ' 4f1c9a7be203-2-1045',
    '4f1c9a7be203-2-1045\n',
    '4f1c9a7be203-2-1e3',
    '4f1c9a7be203-2-٣',
    '4f1c9a7be203-2-9007199254740992',
    '4f1c9a7be203-9007199254740992-1',
    `4f1c9a7be203-2-${'1'.repeat(60)}`,
  ])('%j', (text) => {
    expect(() => parseGid(text)).toThrow(expect.objectContaining({ code: 'malformed-gid' }));
  });

  test('what is accepted has only harmless characters and reads back to itself', () => {
    const accepted: string[] = [];
    fc.assert(
      fc.property(hostileTexts('4f1c9a7be203-2-1045'), (text) => {
        const read = attempt(() => parseGid(text), 'malformed-gid');
        if (!read) return;
        accepted.push(text);
        expect(formatGid(read.logId, read.birth)).toBe(text);
      }),
      { numRuns: 5_000 },
    );
    expect(accepted.length).toBeGreaterThan(0);
    for (const text of accepted) expect(text).toMatch(/^[0-9a-f-]{16,46}$/);
  });
});

test('a log id is 12 hexadecimal digits', () => {
  expect(parseLogId('4f1c9a7be203')).toBe('4f1c9a7be203');
  for (const text of ['', '4f1c9a7be20', '4F1C9A7BE203', '4f1c9a7be203 ', '4f1c9a7be203\n']) {
    expect(() => parseLogId(text)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  }
});

test('births are ordered by epoch, then by counter', () => {
  fc.assert(
    fc.property(births, births, (a, b) => {
      const expected = a.epoch === b.epoch ? a.counter - b.counter : a.epoch - b.epoch;
      expect(Math.sign(compareBirths(a, b))).toBe(Math.sign(expected));
      expect(Math.sign(compareBirths(b, a))).toBe(-Math.sign(expected) + 0);
    }),
  );
  expect(compareBirths({ epoch: 2, counter: 1 }, { epoch: 1, counter: 9 })).toBeGreaterThan(0);
});

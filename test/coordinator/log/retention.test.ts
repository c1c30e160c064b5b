import { formatGid, type LogId } from '@unanimous/proto';
import { fc } from '../../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import {
  countUnneeded,
  isNeeded,
  mayGoAlone,
  newRetention,
  noteDropped,
  noteRecord,
  type Retention,
  type RetentionKey,
} from '../../../coordinator/src/log/retention.ts';

const logId = '0123456789ab' as LogId;

function key(kind: RetentionKey['kind'], counter: number): RetentionKey {
  return { kind, gid: formatGid(logId, { epoch: 1, counter }) };
}

function mark(counter: number): RetentionKey {
  return { kind: 'forgotten', through: { epoch: 1, counter } };
}

function retentionOf(keys: readonly RetentionKey[]): Retention {
  const retention = newRetention();
  for (const each of keys) noteRecord(retention, each);
  return retention;
}

describe('a transaction is needed', () => {
  test.each([
    ['decided, not ended', [key('commit-decided', 1), mark(9)], true],
    ['ended, not forgotten', [key('commit-decided', 1), key('ended', 1)], true],
    ['ended, born above the mark', [key('commit-decided', 5), key('ended', 5), mark(4)], true],
    ['ended, born at the mark', [key('commit-decided', 5), key('ended', 5), mark(5)], false],
    ['delegated, settled, ended', [key('delegated', 1), key('settled', 1), mark(9)], true],
    [
      'settled and ended',
      [key('delegated', 1), key('settled', 1), key('ended', 1), mark(9)],
      false,
    ],
    ['heuristic, not resolved', [key('commit-decided', 1), key('heuristic', 1), mark(9)], true],
    ['resolved, not ended', [key('heuristic', 1), key('resolved', 1), mark(9)], true],
    [
      'resolved and ended',
      [key('heuristic', 1), key('resolved', 1), key('ended', 1), mark(9)],
      false,
    ],
  ])('%s: %#', (_, keys, needed) => {
    const retention = retentionOf(keys);
    const ofTransaction = keys.filter(({ gid }) => gid !== undefined);
    for (const each of ofTransaction) expect(isNeeded(retention, each)).toBe(needed);
    expect(countUnneeded(retention)).toBe(needed ? 0 : ofTransaction.length);
  });
});

test('an older epoch is below the mark, a newer one above', () => {
  const retention = retentionOf([{ kind: 'forgotten', through: { epoch: 2, counter: 3 } }]);
  const born = (epoch: number, counter: number): RetentionKey => {
    return { kind: 'ended', gid: formatGid(logId, { epoch, counter }) };
  };
  const keys = [born(1, 99), born(2, 3), born(2, 4), born(3, 1)];
  for (const each of keys) noteRecord(retention, each);
  expect(keys.map((each) => isNeeded(retention, each))).toEqual([false, false, true, true]);
});

test('only the highest mark is needed, and every name of a resource manager', () => {
  const named: RetentionKey = { kind: 'rm-registered' };
  const retention = retentionOf([mark(3), named, mark(7), mark(5), named]);
  const needed = [mark(3), mark(5), mark(7), named].map((each) => isNeeded(retention, each));
  expect(needed).toEqual([false, false, true, true]);
  expect(countUnneeded(retention)).toBe(2);
});

test('ended goes last, wherever it stands', () => {
  const retention = retentionOf([key('ended', 1), key('commit-decided', 1), mark(1)]);
  expect(mayGoAlone(retention, key('ended', 1))).toBe(false);
  expect(mayGoAlone(retention, key('commit-decided', 1))).toBe(true);
  noteDropped(retention, key('commit-decided', 1));
  expect(mayGoAlone(retention, key('ended', 1))).toBe(true);
  noteDropped(retention, key('ended', 1));
  expect(retention.transactions.size).toBe(0);
});

test('dropping what may go alone, again and again, drops exactly what is not needed', () => {
  const kinds = fc.constantFrom<RetentionKey['kind']>('commit-decided', 'heuristic', 'ended');
  const anyKey = fc.oneof(
    fc.tuple(kinds, fc.integer({ min: 1, max: 6 })).map(([kind, counter]) => key(kind, counter)),
    fc.integer({ min: 1, max: 6 }).map(mark),
  );
  fc.assert(
    fc.property(fc.uniqueArray(anyKey, { selector: (each) => JSON.stringify(each) }), (keys) => {
      const all = retentionOf(keys);
      const needed = keys.filter((each) => isNeeded(all, each));
      const unneededCount = countUnneeded(all);
      let left = keys;
      for (let pass = 0; pass < 2; pass += 1) {
        left = left.filter((each) => {
          if (!mayGoAlone(all, each)) return true;
          noteDropped(all, each);
          return false;
        });
        // A crash here replays what is left: nothing that was ended may come to life again.
        const replayed = retentionOf(left);
        for (const each of left) {
          const wasNeeded = needed.includes(each);
          expect(isNeeded(replayed, each)).toBe(wasNeeded);
        }
      }
      expect(left).toEqual(needed);
      expect(unneededCount).toBe(keys.length - needed.length);
      expect(countUnneeded(all)).toBe(0);
    }),
  );
});

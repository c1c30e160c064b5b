import { formatGid, type Gid, type LogId } from '@unanimous/proto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GidMap } from '../../coordinator/src/gid-map.ts';

const logId = '4f1c9a7be203' as LogId;
const gids = fc
  .record({
    epoch: fc.constantFrom(1, 2, 11, 110),
    counter: fc.oneof(fc.integer({ min: 1, max: 1_200 }), fc.constantFrom(99_999_999, 10 ** 12)),
  })
  .map((birth) => formatGid(logId, birth));

test('it holds what a map holds, whatever is set and deleted', () => {
  const act = fc.record({ gid: gids, value: fc.option(fc.nat(), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 200 }), fc.array(gids), (acts, others) => {
      const map = new Map<Gid, number>();
      const gidMap = new GidMap<number>();
      for (const { gid, value } of acts) {
        if (value === undefined) {
          map.delete(gid);
          gidMap.delete(gid);
        } else {
          map.set(gid, value);
          gidMap.set(gid, value);
        }
      }
      for (const gid of [...others, ...acts.map((one) => one.gid)]) {
        expect(gidMap.get(gid)).toBe(map.get(gid));
      }
      expect(gidMap.size).toBe(map.size);
      const byValue = (a: number, b: number) => a - b;
      const expected = [...map.values()].toSorted(byValue);
      expect([...gidMap.values()].toSorted(byValue)).toEqual(expected);
      const more = gidMap.map((value) => value + 1);
      for (const gid of map.keys()) gidMap.delete(gid);
      expect([more.size, gidMap.size]).toEqual([map.size, 0]);
      for (const [gid, value] of map) expect(more.get(gid)).toBe(value + 1);
    }),
  );
});

test('a text that is not exactly the gid finds nothing', () => {
  const map = new GidMap<string>();
  for (const counter of [5, 15, 105]) {
    map.set(formatGid(logId, { epoch: 1, counter }), `number ${counter}`);
  }
  const texts = ['', '5', '-5', `${logId}-1-`, `${logId}-105`, `${logId}-1-05`, `${logId}-1-/5`];
  for (const text of [...texts, `${logId}-1-5 `, `${logId}-1-5٥`, `${logId}-1--5`]) {
    expect(map.get(text)).toBeUndefined();
  }
  expect(map.get(`${logId}-1-5`)).toBe('number 5');
});

test('of what is gone nothing is kept', () => {
  const map = new GidMap<number>();
  for (let counter = 1; counter <= 10_000; counter++) {
    map.set(formatGid(logId, { epoch: 1, counter }), counter);
    if (counter > 500) map.delete(formatGid(logId, { epoch: 1, counter: counter - 500 }));
  }
  expect(map.size).toBe(500);
  expect([...map.values()].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 500 }, (_, n) => 9_501 + n),
  );
});

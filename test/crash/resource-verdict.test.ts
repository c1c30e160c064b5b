import { describe, expect, test } from 'vitest';
import type { Found, Promised } from './support/resource-case.ts';
import { type Decided, verdictOn, wordViolations } from './support/resource-verdict.ts';

/** Transaction `n`, which began at `2n` and whose process was told at `2n + 1`. */
const decided = (n: number, outcome = 'committed', told = outcome): Decided => {
  return { n, gid: `g-${n}`, outcome, startedAt: 2 * n, toldAt: 2 * n + 1, told };
};

/** A part of it that was found; the shared place has one of seven keys. */
const found = (n: number, part: number, more: Partial<Found> = {}): Found => {
  return { n, part, gid: `g-${n}`, id: `g-${n}/${part}`, ...more };
};

const queue: Promised = { parts: 2, repeats: 'known by id', order: 'commits' };
const table: Promised = { parts: 2, repeats: 'none', order: 'none', stays: 'last' };
const both = [decided(1), decided(2)];
const whole = [found(1, 0), found(1, 1), found(2, 0), found(2, 1)];

describe('what a resource holds', () => {
  test('is as decided', () => {
    const all = [...both, decided(3, 'aborted')];
    expect(verdictOn(all, whole, queue)).toEqual({ repeats: 0, violations: [] });
  });

  test.each<[string, readonly Decided[], readonly Found[], Promised, RegExp]>([
    ['a part is lost', both, whole.slice(0, 3), queue, /^transaction 2 \(g-2\) .* part 1 is not/],
    ['an aborted part', [decided(1), decided(2, 'aborted')], whole, queue, /2 \(g-2\) .* aborted/],
    ['nobody began it', both, [...whole, found(3, 0)], queue, /3 \(g-3\) is there, and nobody/],
    ['by another', both, [found(1, 0, { gid: 'g' }), ...whole.slice(1)], queue, /1 \(g\) is there/],
    ['two ids', both, [...whole, found(2, 1, { id: 'x' })], queue, /2 times, as g-2\/1 and x/],
    ['no id', [decided(1)], twice({ gid: 'g-1' }), queue, /there 2 times/],
    ['repeats', both, [...whole, found(2, 1)], { ...queue, repeats: 'none' }, /2 times/],
    [
      'turned round',
      [decided(1)],
      [found(1, 1), found(1, 0)],
      queue,
      /1 of transaction 1 \(g-1\) comes before/,
    ],
    [
      'behind a later one',
      both,
      [...whole.slice(2), ...whole.slice(0, 2)],
      queue,
      /^part 0 of transaction 1 \(g-1\) stands behind 2/,
    ],
  ])('is not as decided: %s', (_, transactions, held, promised, named) => {
    expect(verdictOn(transactions, held, promised).violations.join('\n')).toMatch(named);
  });

  test('may be there twice under one id: that is counted', () => {
    const held = [...whole.slice(0, 2), ...whole];
    expect(verdictOn(both, held, queue)).toEqual({ repeats: 2, violations: [] });
  });

  test('may stand in any order where both were under way at once', () => {
    const [one, two] = both as [Decided, Decided];
    const held = [...whole.slice(2), ...whole.slice(0, 2)];
    const atOnce = [{ ...one, toldAt: two.startedAt + 1 }, two];
    expect(verdictOn(atOnce, held, queue).violations).toEqual([]);
  });

  test('is the last of those who wrote over each other', () => {
    const three = [decided(1), decided(8), decided(15, 'aborted')];
    const rows = [found(1, 0), found(8, 0)];
    const cell = (n: number) => [...rows, found(n, 1, { key: 'shared-1' })];
    expect(verdictOn(three, cell(8), table).violations).toEqual([]);
    const named = /^transaction 8 \(g-8\) is committed, and shared-1 has transaction 1 \(g-1\)/;
    expect(verdictOn(three, cell(1), table).violations).toEqual([expect.stringMatching(named)]);
    expect(verdictOn(three, rows, table).violations.join()).toMatch(/8 .* shared-1 has nothing/);
    expect(verdictOn(three, cell(15), table).violations.join('\n')).toMatch(/15 .* though aborted/);
  });

  test('is the highest, where versions say so, also of two at once', () => {
    const atOnce = [decided(1), { ...decided(8), startedAt: 2 }];
    const held = [found(1, 0), found(8, 0), found(1, 1, { key: 'shared-1' })];
    expect(verdictOn(atOnce, held, table).violations).toEqual([]);
    const versions: Promised = { ...table, stays: 'highest' };
    expect(verdictOn(atOnce, held, versions).violations).toHaveLength(1);
  });
});

test('every transaction is decided, and as its process was told', () => {
  const untold = decided(1, 'committed', 'unknown');
  expect(wordViolations([untold, decided(2), decided(3, 'aborted')])).toEqual([]);
  expect(wordViolations([decided(4, 'committed', 'aborted')])[0]).toMatch(/4 .* told aborted/);
  expect(wordViolations([decided(5, 'unknown')])[0]).toMatch(/5 \(g-5\) is unknown/);
});

/** A part that is there twice, with nothing to know it by. */
function twice({ gid }: { readonly gid: string }): Found[] {
  const one = { n: 1, gid };
  return [0, 0, 1].map((part) => ({ ...one, part }));
}

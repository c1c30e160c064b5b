import { expect, test } from 'vitest';
import { blockSize, GidBlocks } from '../../coordinator/src/gid-blocks.ts';

test('a counter is given out once, here or to a session', () => {
  const blocks = new GidBlocks();
  const own = Array.from({ length: blockSize + 1 }, () => blocks.next());
  const block = blocks.reserve(1);
  const given = Array.from({ length: block?.count ?? 0 }, (_, n) => (block?.first ?? 0) + n);
  own.push(...Array.from({ length: blockSize }, () => blocks.next()));
  expect(new Set([...own, ...given]).size).toBe(own.length + given.length);
  expect(own[0]).toBe(1);
});

test('what nobody was given is unborn, what a session was given is held by it until it is born', () => {
  const blocks = new GidBlocks();
  blocks.next();
  const first = blocks.reserve(7)?.first ?? 0;
  expect([1, 2, first, first + blockSize].map((n) => blocks.isUnborn(n))).toEqual([
    false,
    true,
    false,
    true,
  ]);
  expect([1, 2, first].map((n) => blocks.holderOf(n))).toEqual([undefined, undefined, 7]);
  blocks.bear(first);
  expect([first, first + 1].map((n) => blocks.holderOf(n))).toEqual([undefined, 7]);
});

test('a lost session holds nothing any more, and nobody else gets its counters', () => {
  const blocks = new GidBlocks();
  const first = blocks.reserve(1)?.first ?? 0;
  const other = blocks.reserve(2)?.first ?? 0;
  blocks.endSession(1);
  expect(blocks.holderOf(first)).toBeUndefined();
  expect(blocks.isUnborn(first)).toBe(false);
  expect(blocks.holderOf(other)).toBe(2);
  expect(blocks.reserve(3)?.first).toBe(other + blockSize);
});

test('what is given back is held no more, and only by whom it was given to', () => {
  const blocks = new GidBlocks();
  const first = blocks.reserve(1)?.first ?? 0;
  blocks.giveBack(2, first);
  expect(blocks.holderOf(first + 3)).toBe(1);
  blocks.giveBack(1, first + 3);
  expect([2, 3, blockSize - 1].map((n) => blocks.holderOf(first + n))).toEqual([
    1,
    undefined,
    undefined,
  ]);
  expect(blocks.isAnyOpen).toBe(true);
  blocks.giveBack(1, first);
  expect(blocks.isAnyOpen).toBe(false);
});

test('who has used up none of many blocks gets no more', () => {
  const blocks = new GidBlocks();
  while (blocks.reserve(1)) expect(blocks.isUnborn(100_000)).toBe(true);
  expect(blocks.reserve(2)).toBeDefined();
});

test('who uses blocks up gets as many as it wants, beside one that it has not begun', () => {
  const blocks = new GidBlocks();
  const kept = blocks.reserve(1)?.first ?? 0;
  for (let times = 0; times < 100; times++) {
    const first = blocks.reserve(1)?.first ?? 0;
    for (let n = 0; n < blockSize; n++) blocks.bear(first + n);
    expect(blocks.holderOf(first)).toBeUndefined();
    expect(blocks.holderOf(kept)).toBe(1);
  }
});

test('who waits for a counter hears that it is born, or never will be', async () => {
  const blocks = new GidBlocks();
  const first = blocks.reserve(1)?.first ?? 0;
  expect(blocks.whenTold(first + blockSize)).toBeUndefined();
  const heard: string[] = [];
  const waits = [first, first + 1].map((n) => {
    return blocks.whenTold(n)?.then(() => heard.push(`${n - first}`));
  });
  blocks.bear(first);
  await waits[0];
  expect(heard).toEqual(['0']);
  blocks.endSession(1);
  await waits[1];
  expect(heard).toEqual(['0', '1']);
});

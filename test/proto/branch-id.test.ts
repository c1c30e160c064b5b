import { fc } from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import {
  type BranchId,
  branchIdPrefix,
  formatBranchId,
  type Gid,
  parseBranchId,
} from '../../proto/src/index.ts';
import { hostileTexts } from './hostile-texts.ts';

const gids = fc
  .tuple(
    fc.stringMatching(/^[0-9a-f]{12}$/),
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  )
  .map((parts) => parts.join('-') as Gid);
const branchIds: fc.Arbitrary<BranchId> = fc.record({
  gid: gids,
  branch: fc.integer({ min: 1, max: 999_999 }),
  rm: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  incarnation: fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/),
});

const example: BranchId = {
  gid: '4f1c9a7be203-2-1045' as Gid,
  branch: 3,
  rm: 'orders.db',
  incarnation: '7581-2',
};

test('a branch id reads un1.GID.BRANCH.INCARNATION.RM', () => {
  expect(formatBranchId(example)).toBe('un1.4f1c9a7be203-2-1045.3.7581-2.orders.db');
  expect(formatBranchId(example).startsWith(branchIdPrefix)).toBe(true);
});

test('each branch id is read as it was made, and may stand between quotes in SQL', () => {
  fc.assert(
    fc.property(branchIds, (id) => {
      const text = formatBranchId(id);
      expect(parseBranchId(text)).toEqual(id);
      expect(text).toMatch(/^[A-Za-z0-9._-]+$/);
      expect(Buffer.byteLength(text)).toBeLessThan(200);
    }),
  );
});

test('the longest one stays below the 200 bytes of Postgres', () => {
  const text = formatBranchId({
    gid: 'ffffffffffff-9007199254740991-9007199254740991' as Gid,
    branch: 999_999,
    rm: 'r'.repeat(64),
    incarnation: 'i'.repeat(40),
  });
  expect(Buffer.byteLength(text)).toBe(163);
});

test('two branches never share an id', () => {
  fc.assert(
    fc.property(branchIds, branchIds, (a, b) => {
      const isSame = JSON.stringify(a) === JSON.stringify(b);
      expect(formatBranchId(a) === formatBranchId(b)).toBe(isSame);
    }),
  );
});

describe('a malformed part is refused', () => {
  test.each<[string, Partial<BranchId>]>([
    ['a gid that is none', { gid: "4f1c9a7be203-2-1045'" as Gid }],
    ['branch 0', { branch: 0 }],
    ['a negative branch', { branch: -1 }],
    ['a broken branch', { branch: 1.5 }],
    ['a branch of seven digits', { branch: 1_000_000 }],
    ['an empty rm', { rm: '' }],
    ['a quote in the rm', { rm: "orders'db" }],
    ['a long rm', { rm: 'r'.repeat(65) }],
    ['an rm that begins with a dot', { rm: '.orders' }],
    ['an empty incarnation', { incarnation: '' }],
    ['a dot in the incarnation', { incarnation: '7581.2' }],
    ['NUL in the incarnation', { incarnation: '7581\0' }],
    ['a long incarnation', { incarnation: 'i'.repeat(41) }],
  ])('%s', (_, part) => {
    expect(() => formatBranchId({ ...example, ...part })).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });
});

test('a text that is read at all is exactly the id of what was read', () => {
  const accepted: string[] = [];
  fc.assert(
    fc.property(hostileTexts(formatBranchId(example)), (text) => {
      const id = parseBranchId(text);
      if (!id) return;
      accepted.push(text);
      expect(formatBranchId(id)).toBe(text);
    }),
    { numRuns: 5_000 },
  );
  expect(accepted.length).toBeGreaterThan(0);
  for (const text of accepted) expect(text).toMatch(/^[A-Za-z0-9._-]{1,199}$/);
});

test.each([
  '',
  'un1.',
  'un2.4f1c9a7be203-2-1045.3.7581.orders',
  'un1.4f1c9a7be203-2-1045.03.7581.orders',
  'un1.4f1c9a7be203-0-1045.3.7581.orders',
  'un1.4f1c9a7be203-2-1045.3.7581.orders\n',
  'UN1.4f1c9a7be203-2-1045.3.7581.orders',
  'somebody-elses-prepared-transaction',
])('%j is none of ours', (text) => {
  expect(parseBranchId(text)).toBeUndefined();
});

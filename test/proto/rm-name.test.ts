import { fc } from '../support/fast-check.ts';
import { expect, test } from 'vitest';
import { checkRmName } from '../../proto/src/index.ts';
import { attempt, hostileTexts } from './hostile-texts.ts';

test.each(['a', '0', 'orders-db', 'Orders.db_2', 'r'.repeat(64)])('%s may be a name', (name) => {
  expect(checkRmName(name)).toBe(name);
});

test.each(['', '.a', '-a', '_a', 'a b', "a'", 'a\n', 'a\0', 'é', 'r'.repeat(65)])(
  '%j may not be a name',
  (name) => {
    expect(() => checkRmName(name)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  },
);

test('what is accepted has only harmless characters', () => {
  fc.assert(
    fc.property(hostileTexts('orders-db.2'), (text) => {
      const accepted = attempt(() => checkRmName(text), 'invalid-argument') ?? 'refused';
      expect(accepted).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
    }),
  );
});

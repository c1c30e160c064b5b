import { expect, test } from 'vitest';
import { isRefusal } from '../../../participant-sdk/src/postgres/sqlstate.ts';

const answered = (code: string) => Object.assign(new Error('words'), { severity: 'FATAL', code });

test.each(['23505', '40001', '40P01', '42601', '55000'])(
  '%s says that the statement did not happen',
  (code) => expect(isRefusal(answered(code))).toBe(true),
);

// Of a server that went down or ran out of something nobody knows how far it came.
test.each(['08006', '53100', '57P01', '57P02', '58030', 'XX000', 'F0000'])(
  '%s says nothing of the statement',
  (code) => expect(isRefusal(answered(code))).toBe(false),
);

test('an error of the driver says nothing of the statement', () => {
  expect(isRefusal(new Error('Connection terminated unexpectedly'))).toBe(false);
  expect(isRefusal(Object.assign(new Error('x'), { code: 'ECONNRESET' }))).toBe(false);
});

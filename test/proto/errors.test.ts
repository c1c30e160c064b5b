import { fc } from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import {
  errorCodes,
  isErrorCode,
  readReason,
  reason,
  UnanimousError,
} from '../../proto/src/index.ts';

describe.each(errorCodes)('%s', (code) => {
  test('has a code that may stand in a header and a hint that is a sentence', () => {
    expect(code).toMatch(/^[a-z][a-z-]*[a-z]$/);
    const { hint } = new UnanimousError(code, 'message');
    expect(hint).toMatch(/^[\x20-\x7e]{10,120}$/);
    expect(hint).toMatch(/[.?]$/);
  });

  test('is the same as an error and as a reason', () => {
    const error = new UnanimousError(code, 'what happened', { rm: 'orders-db' });
    expect(error.toReason()).toEqual(reason(code, 'what happened', 'orders-db'));
    expect(readReason(error.toReason())).toEqual(error.toReason());
  });
});

test('after these an error says that trying again may help, and after no others', () => {
  const retryable = errorCodes.filter((code) => new UnanimousError(code, '').retryable);
  expect(retryable).toEqual([
    'rm-not-served',
    'overloaded',
    'draining',
    'timeout',
    'session-lost',
    'branch-unknown',
    'handler-running',
    'serialization-failure',
    'no-prepared-slot',
    'rm-unavailable',
    'not-connected',
    'not-active',
    'unreachable',
  ]);
});

test('isErrorCode knows the catalogue and no property of objects', () => {
  expect(errorCodes.every(isErrorCode)).toBe(true);
  expect(['', 'toString', '__proto__', 'constructor'].some(isErrorCode)).toBe(false);
});

test('details override the catalogue', () => {
  const noVoter = reason('serialization-failure', 'conflict', 'orders-db');
  const error = new UnanimousError('aborted', 'orders-db voted no', { reason: noVoter });
  expect(error.retryable).toBe(true);
  expect(new UnanimousError('timeout', '', { retryable: false }).retryable).toBe(false);
  expect(new UnanimousError('timeout', '', { hint: 'Wait.' }).hint).toBe('Wait.');
});

test('from keeps ours and wraps any other value', () => {
  const ours = new UnanimousError('timeout', 'late');
  expect(UnanimousError.from(ours)).toBe(ours);
  const other = new TypeError('x is not a function');
  expect(UnanimousError.from(other)).toMatchObject({ code: 'internal', cause: other });
  expect(UnanimousError.from('text', 'rm-unavailable')).toMatchObject({
    code: 'rm-unavailable',
    message: 'text',
  });
});

test('a reason from another process is bounded and well formed, its unknown code internal', () => {
  fc.assert(
    fc.property(
      fc.record({
        code: fc.string(),
        message: fc.string({ unit: 'binary', maxLength: 5_000, size: 'max' }),
        hint: fc.string({ unit: 'binary', maxLength: 5_000, size: 'max' }),
        rm: fc.string({ maxLength: 100 }),
        retryable: fc.boolean(),
      }),
      (wire) => {
        const read = readReason(wire);
        expect(errorCodes).toContain(read.code);
        expect(read.message.length).toBeLessThanOrEqual(2_000);
        expect(read.hint.length).toBeLessThanOrEqual(2_000);
        expect(read.rm.length).toBeLessThanOrEqual(64);
        expect(() => encodeURIComponent(read.message + read.hint)).not.toThrow();
      },
    ),
    { numRuns: 50 },
  );
});

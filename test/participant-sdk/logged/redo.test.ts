import { describe, expect, test } from 'vitest';
import { decodeRedo, encodeRedo } from '../../../participant-sdk/src/logged/redo.ts';

describe('the redo payload', () => {
  test('gives back the effects in order', () => {
    const redo = encodeRedo(['{"line":"a\\nb"}', '"ü"', 'null']);
    expect(decodeRedo(redo)).toEqual({ effects: [{ line: 'a\nb' }, 'ü', null] });
  });

  test('reads as JSON lines', () => {
    const text = new TextDecoder().decode(encodeRedo(['1', '2']));
    expect(text).toBe('{"redo":1,"effects":2}\n1\n2');
  });

  test('of a newer version is left to an instance that knows it', () => {
    const newer = new TextEncoder().encode('{"redo":2,"format":"other"}\n{}');
    expect(() => decodeRedo(newer)).toThrow('this instance reads version 1');
  });

  test.each([
    ['', 'not JSON lines'],
    ['{"redo":1,"effects":1}\n{"a":', 'not JSON lines'],
    ['{"redo":1,"effects":2}\n1', '1 of 2 effects'],
    ['[]', 'no header'],
    ['null', 'no header'],
  ])('%o is damaged, never partly applied', (text, why) => {
    const decoded = decodeRedo(new TextEncoder().encode(text));
    expect(decoded).toEqual({ damaged: expect.stringContaining(why) });
  });

  test('with bytes that are not UTF-8 is damaged', () => {
    expect(decodeRedo(Uint8Array.of(0x7b, 0xff))).toHaveProperty('damaged');
  });
});

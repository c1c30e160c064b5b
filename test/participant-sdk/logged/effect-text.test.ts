import { fc } from '../../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { effectText } from '../../../participant-sdk/src/logged/effect-text.ts';

const strict = (value: unknown) => effectText(value, { name: 'effect', allowToJson: false });

describe('effectText', () => {
  test('what it accepts comes back as it was', () => {
    const property = fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      expect(JSON.parse(strict(value))).toEqual(JSON.parse(JSON.stringify(value)));
    });
    fc.assert(property);
  });

  test('undefined fields are left out, as JSON does', () => {
    expect(strict({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  test.each([
    [{ items: [1, Number.NaN] }, 'effect.items[1]: NaN'],
    [undefined, 'effect: undefined'],
    [[undefined], 'effect[0]: undefined'],
    [{ count: 1n }, 'effect.count: a bigint'],
    [{ run: () => 1 }, 'effect.run: a function'],
    [{ tags: new Map() }, 'effect.tags: a Map'],
    [{ at: new Date(0) }, 'effect.at: a Date'],
    [cyclic, 'effect.self: a cycle'],
  ])('%o is refused, and the place is named', (value, place) => {
    expect(() => strict(value)).toThrow(`${place} does not survive JSON`);
  });

  test('the same object twice is no cycle', () => {
    const shared = { a: 1 };
    expect(strict([shared, shared])).toBe('[{"a":1},{"a":1}]');
  });

  test('where readers expect JSON, a Date is written as its text', () => {
    const text = effectText({ at: new Date(0) }, { name: 'message', allowToJson: true });
    expect(text).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
  });
});

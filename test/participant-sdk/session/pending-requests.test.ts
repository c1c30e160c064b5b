import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PendingRequests } from '../../../participant-sdk/src/session/pending-requests.ts';

test('each request is found by its number until it is answered, and no number comes twice', () => {
  const acts = fc.array(fc.oneof(fc.constant('add' as const), fc.nat()), { maxLength: 2_000 });
  fc.assert(
    fc.property(acts, (all) => {
      const pending = new PendingRequests<string, number>();
      const known = new Map<number, number>();
      const given = new Set<number>();
      for (const [at, act] of all.entries()) {
        if (act === 'add') {
          const ref = pending.add('asks', at);
          expect(given.has(ref)).toBe(false);
          given.add(ref);
          known.set(ref, at);
          continue;
        }
        const refs = [...known.keys()];
        const ref = refs[act % Math.max(1, refs.length)] ?? act;
        expect(pending.get(ref)?.pending).toBe(known.get(ref));
        pending.delete(ref);
        known.delete(ref);
        expect(pending.get(ref)).toBeUndefined();
      }
      expect(pending.takeAll().map(({ ref, pending: one }) => [ref, one])).toEqual([...known]);
      expect(pending.takeAll()).toEqual([]);
    }),
    { numRuns: 30 },
  );
});

test('thousands wait, one of them for ever', () => {
  const pending = new PendingRequests<string, number>();
  const first = pending.add('asks', -1);
  for (let round = 0; round < 5; round++) {
    const refs = Array.from({ length: 3_000 }, (_, index) => pending.add('asks', index));
    for (const [index, ref] of refs.entries()) {
      expect(pending.get(ref)?.pending).toBe(index);
      pending.delete(ref);
    }
  }
  expect(pending.get(first)?.pending).toBe(-1);
  expect(pending.get(0)).toBeUndefined();
});

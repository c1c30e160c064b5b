import { expect, test } from 'vitest';
import { search } from './search.ts';
import { quickVariants } from './variant.ts';

// `npm run check:exhaustive -- --all` searches the large ones, too.

test.for(quickVariants.map((variant) => [variant.name, variant] as const))(
  'no state of %s breaks a rule, and each comes to its end',
  ([, variant]) => {
    const found = search(variant);
    expect(found.violation, (found.story ?? []).join('\n')).toBeUndefined();
    expect(found.isComplete).toBe(true);
    expect(found.states).toBeGreaterThan(10_000);
  },
);

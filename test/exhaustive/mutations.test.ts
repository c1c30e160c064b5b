import { expect, test } from 'vitest';
import { mutations } from './mutations.ts';
import { search } from './search.ts';
import { variantNamed } from './variant.ts';
import { ruleNames, rules } from './without.ts';

// Without a rule the same search must find a violation, or it proves nothing about the rule.

test.for(mutations.map((mutation) => [mutation.rule, mutation] as const))(
  'without rule %s something breaks',
  ([rule, { variant, violation, story }]) => {
    const found = search(variantNamed(variant), rule, { maxStates: 500_000 });
    const told = (found.story ?? []).join('\n');
    expect(found.violation, rules[rule]).toMatch(violation);
    let from = 0;
    for (const part of story) {
      const at = told.slice(from).search(part);
      expect(at, `${String(part)} is not told after ${from}:\n${told}`).toBeGreaterThanOrEqual(0);
      from += at;
    }
  },
);

test('every rule that can be taken out is missed by some test', () => {
  const missed = new Set(mutations.map((mutation) => mutation.rule));
  expect(ruleNames.filter((rule) => !missed.has(rule))).toEqual([]);
});

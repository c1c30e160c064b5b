import { markdownTable } from '../support/markdown-table.ts';
import type { Mutation } from './mutations.ts';
import type { Found } from './search.ts';
import { variantNamed } from './variant.ts';
import { rules } from './without.ts';

const count = new Intl.NumberFormat('en-US');

/** The searches of the production cores. */
export function tableOfSearches(all: readonly Found[]): string {
  const head = ['variant', 'states', 'transitions', 'depth', 'seconds', 'complete', 'violation'];
  const rows = all.map((found) => [
    found.variant,
    count.format(found.states),
    count.format(found.transitions),
    String(found.depth),
    (found.elapsedMs / 1_000).toFixed(1),
    found.isComplete ? 'yes' : 'no',
    found.violation ?? 'none',
  ]);
  return markdownTable(head, rows);
}

/** What each variant is. */
export function tableOfVariants(names: readonly string[]): string {
  const rows = names.map((name) => {
    const { about, budgets } = variantNamed(name);
    const given = Object.entries(budgets).filter(([, times]) => times > 0);
    return [name, about, given.map(([what, times]) => `${what} ${times}`).join(', ')];
  });
  return markdownTable(['variant', 'about', 'at most'], rows);
}

/** The searches without a rule. */
export function tableOfMutations(
  all: readonly { readonly mutation: Mutation; readonly found: Found }[],
): string {
  const rows = all.map(({ mutation, found }) => [
    mutation.rule,
    rules[mutation.rule],
    mutation.variant,
    found.violation ?? 'not found',
    count.format(found.states),
  ]);
  return markdownTable(['rule', 'instead', 'variant', 'what breaks', 'after states'], rows);
}

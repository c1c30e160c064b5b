import type { Mutation } from './mutations.ts';
import type { Found } from './search.ts';
import { variantNamed } from './variant.ts';
import { rules } from './without.ts';

/** A table as Markdown writes it, readable in a terminal, too. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) => {
    return Math.max(name.length, ...rows.map((row) => (row[i] ?? '').length));
  });
  const line = (cells: readonly string[]) => {
    return `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  };
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

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
  return table(head, rows);
}

/** What each variant is. */
export function tableOfVariants(names: readonly string[]): string {
  const rows = names.map((name) => {
    const { about, budgets } = variantNamed(name);
    const given = Object.entries(budgets).filter(([, times]) => times > 0);
    return [name, about, given.map(([what, times]) => `${what} ${times}`).join(', ')];
  });
  return table(['variant', 'about', 'at most'], rows);
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
  return table(['rule', 'instead', 'variant', 'what breaks', 'after states'], rows);
}

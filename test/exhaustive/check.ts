// Searches the small worlds: `npm run check:exhaustive -- [--variant NAME] [--seconds N] [--all]`.
// Without arguments the quick ones. `--all` searches every one, takes out every rule, and writes
// the figures to docs/exhaustive-check.md. `--without RULE` tells what happens without a rule.
import { availableParallelism, cpus } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { writeFigures } from '../../scripts/write-figures.ts';
import { mutations } from './mutations.ts';
import { tableOfMutations, tableOfSearches, tableOfVariants } from './report.ts';
import { type Found, type Limits, search } from './search.ts';
import { quickVariants, type Variant, variantNamed, variants } from './variant.ts';
import { type RuleName, ruleNames } from './without.ts';

const { values } = parseArgs({
  options: {
    variant: { type: 'string', multiple: true },
    seconds: { type: 'string' },
    all: { type: 'boolean', default: false },
    without: { type: 'string' },
  },
});

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function check(variant: Variant, without: RuleName | undefined, limits: Limits): Found {
  const found = search(variant, without, limits);
  say(tableOfSearches([found]).split('\n').at(-1) ?? '');
  if (found.story) say(`\n${found.violation}\n\n${found.story.join('\n')}\n`);
  return found;
}

function writePage(all: readonly Found[]): void {
  const broken = mutations.map((mutation) => {
    const found = search(variantNamed(mutation.variant), mutation.rule, {});
    return { mutation, found };
  });
  const states = all.reduce((sum, found) => sum + found.states, 0);
  const seconds = all.reduce((sum, found) => sum + found.elapsedMs, 0) / 1_000;
  const machine = `Node.js ${process.versions.node}, ${availableParallelism()} cores (${cpus()[0]?.model.trim()}), one of them used`;
  const figures = [
    `${states.toLocaleString('en-US')} states in ${seconds.toFixed(0)} s; ${machine}, other work beside it.`,
    '',
    tableOfSearches(all),
    '',
    tableOfVariants(all.map((found) => found.variant)),
    '',
    '## Without a rule',
    '',
    tableOfMutations(broken),
  ].join('\n');
  writeFigures('exhaustive-check.md', figures);
}

const without = ruleNames.find((rule) => rule === values.without);
if (values.without !== undefined && without === undefined) {
  throw new Error(`no rule ${values.without}; there are ${ruleNames.join(', ')}`);
}
const named = values.variant?.map(variantNamed);
const chosen = named ?? (values.all ? variants : quickVariants);
const limits = values.seconds === undefined ? {} : { maxMs: Number(values.seconds) * 1_000 };
const results = chosen.map((variant) => check(variant, without, limits));
say(`\n${tableOfSearches(results)}`);
if (values.all && without === undefined) writePage(results);
if (results.some((found) => found.violation !== undefined)) process.exitCode = 1;

// Searches the small worlds: `npm run check:exhaustive -- [--variant NAME] [--seconds N] [--all]`.
// Without arguments the quick ones. `--all` searches every one, takes out every rule, and writes
// the figures to docs/exhaustive-check.md. `--without RULE` tells what happens without a rule.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
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

const page = new URL('../../docs/exhaustive-check.md', import.meta.url);
const marks = { from: '<!-- figures -->', to: '<!-- end of figures -->' } as const;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function check(variant: Variant, without: RuleName | undefined, limits: Limits): Found {
  const found = search(variant, without, limits);
  say(tableOfSearches([found]).split('\n').at(-1) ?? '');
  if (found.story) say(`\n${found.violation}\n\n${found.story.join('\n')}\n`);
  return found;
}

function writeFigures(all: readonly Found[]): void {
  const broken = mutations.map((mutation) => {
    const found = search(variantNamed(mutation.variant), mutation.rule, {});
    return { mutation, found };
  });
  const states = all.reduce((sum, found) => sum + found.states, 0);
  const seconds = all.reduce((sum, found) => sum + found.elapsedMs, 0) / 1_000;
  const machine = `Node.js ${process.versions.node}, ${availableParallelism()} cores (${cpus()[0]?.model.trim()}), one of them used`;
  const text = [
    marks.from,
    '',
    `${states.toLocaleString('en-US')} states in ${seconds.toFixed(0)} s; ${machine}, other work beside it.`,
    '',
    tableOfSearches(all),
    '',
    tableOfVariants(all.map((found) => found.variant)),
    '',
    '## Without a rule',
    '',
    tableOfMutations(broken),
    '',
    marks.to,
  ].join('\n');
  const old = readFileSync(page, 'utf8');
  const [before] = old.split(marks.from);
  const after = old.split(marks.to)[1] ?? '\n';
  writeFileSync(page, `${before}${text}${after}`);
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
if (values.all && without === undefined) writeFigures(results);
if (results.some((found) => found.violation !== undefined)) process.exitCode = 1;

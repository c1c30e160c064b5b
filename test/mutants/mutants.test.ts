import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allMutants, choose, type Listed } from './catalogue.ts';
import { readTestName } from './judge.ts';
import { branchRules } from '../properties/branch-rules.ts';
import { logRules } from '../properties/log-rules.ts';
import { sessionRules } from '../properties/session-rules.ts';
import { type Guarantee, withDefect } from './mutant.ts';
import { lineOf, pageOf } from './report.ts';
import { runMutants } from './run-mutants.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(repository, file), 'utf8');

describe('the mutants', () => {
  test('are many, each with a name of its own', () => {
    const names = allMutants.map(({ mutant }) => mutant.name);
    expect(names.length).toBeGreaterThanOrEqual(250);
    expect(names).toEqual([...new Set(names)]);
  });

  test('change a text that stands in its file exactly once', () => {
    const stale = allMutants.flatMap(({ mutant }) => {
      try {
        const source = read(mutant.file);
        return withDefect(source, mutant) === source ? [`${mutant.name} changes nothing`] : [];
      } catch (error) {
        return [`${mutant.name}: ${String(error)}`];
      }
    });
    expect(stale).toEqual([]);
  });

  test('name tests in files that exist', () => {
    const files = allMutants.flatMap(({ mutant }) => {
      return mutant.tests.map((name) => readTestName(name).file);
    });
    expect([...new Set(files)].filter((file) => !existsSync(join(repository, file)))).toEqual([]);
    expect(allMutants.filter(({ mutant }) => mutant.tests.length === 0)).toEqual([]);
  });

  test.each([
    ['rule', 20],
    ['scenario', 28],
  ] as const)('break every %s of docs/guarantees.md', (kind, count) => {
    const broken = new Set(allMutants.flatMap(({ mutant }) => mutant.breaks));
    const all = Array.from({ length: count }, (_, n): Guarantee => `${kind} ${n + 1}`);
    expect(all.filter((guarantee) => !broken.has(guarantee))).toEqual([]);
    const numbers = [...broken].filter((guarantee) => guarantee.startsWith(`${kind} `));
    expect(numbers.filter((guarantee) => !all.includes(guarantee))).toEqual([]);
  });
});

test.each([
  ['log', logRules],
  ['session', sessionRules],
  ['branch', branchRules],
] as const)('each rule of test/properties/%s.test.ts has one that it alone finds', (layer, all) => {
  const alone = allMutants.filter(({ mutant }) => mutant.alone).flatMap((one) => one.mutant.tests);
  const named = alone.map(readTestName).filter(({ file }) => file.endsWith(`/${layer}.test.ts`));
  const found = all.map(({ name }) => named.filter(({ title }) => name.includes(title)).length);
  expect(found).toEqual(all.map(() => 1));
});

test('all slices together are all mutants, each once', () => {
  const names = (listed: readonly Listed[]) => listed.map(({ mutant }) => mutant.name).toSorted();
  const slices = [1, 2, 3].flatMap((part) => choose({ slice: `${part}/3` }));
  expect(names(slices)).toEqual(names(allMutants));
});

test('the page gets the tables of what was tried, keeps the others, and counts all', () => {
  const [first, second] = [choose({ only: 'queue' })[0], choose({ only: 'effects' })[0]];
  if (!first || !second) throw new Error('there are no mutants');
  const verdict = { is: 'killed', by: 'test/a.test.ts > fails', elapsedMs: 1_500 } as const;
  const listed = ['queue', 'effects'];
  const both = [first, second].map((each) => ({ ...each, ...verdict }));
  const page = pageOf(both, listed, '');
  expect(page).toMatch(/^2 killed, 0 survived, 0 stale, 0 untried; 3 s in all/);
  const survivor = { ...second, ...verdict, is: 'survived' as const };
  const later = pageOf([survivor], listed, page);
  expect(later).toMatch(/^1 killed, 1 survived, 0 stale, 0 untried; 3 s in all/);
  expect(later.split('### Effects')[0]?.split('### Queue')[1]).toBe(
    page.split('### Effects')[0]?.split('### Queue')[1],
  );
});

describe('a run', () => {
  const quick = [
    'does not look at the checksum of a record',
    'drops what has ended before its decision',
    'votes read-only for a branch that nobody holds',
    'lets a message overtake another of its transaction',
  ];

  test('kills some of the quick ones, and sees what survives', { timeout: 240_000 }, async () => {
    const harmless: Listed = {
      area: 'log',
      mutant: {
        name: 'says it in other words',
        file: 'coordinator/src/log/retention.ts',
        from: 'return { transactions: new GidMap(), through:',
        to: 'return { transactions: new GidMap<Seen>(), through:',
        breaks: [],
        tests: ['test/coordinator/log/retention.test.ts'],
      },
    };
    const broken: Listed = {
      area: 'log',
      mutant: { ...harmless.mutant, name: 'is no program', to: 'return { {' },
    };
    const listed = [...quick.flatMap((only) => choose({ only })), harmless, broken];
    const verdicts = await runMutants(listed, { jobs: 2 });
    const report = verdicts.map(lineOf).join('\n');
    expect(
      verdicts.map(({ is }) => is),
      report,
    ).toEqual([...quick.map(() => 'killed'), 'survived', 'stale']);
  });
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'oxc-parser';
import { describe, expect, test } from 'vitest';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const page = readFileSync(join(docs, 'guarantees.md'), 'utf8');

interface Link {
  readonly text: string;
  /** Absolute. */
  readonly path: string;
}

/** A row of a numbered table: its guards, and its tests, which stand in the last column. */
interface Row {
  readonly number: number;
  readonly guards: readonly Link[];
  readonly tests: readonly Link[];
  readonly isPlanned: boolean;
}

/** The numbered rows of the section with this heading. */
function rowsOf(heading: string): Row[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return section.split('\n').flatMap((line) => {
    const cells = line.split(' | ');
    const number = Number(/^\| (\d+)$/.exec(cells[0] ?? '')?.[1] ?? 0);
    if (number === 0) return [];
    const last = cells.at(-1) ?? '';
    const isPlanned = /\bplanned\b/.test(last);
    return [{ number, guards: linksIn(cells.at(-2) ?? ''), tests: linksIn(last), isPlanned }];
  });
}

function linksIn(text: string): Link[] {
  // A title may hold brackets, but not the two characters that end a link's text.
  return [...text.matchAll(/\[(.+?)\]\(([^)]+)\)/g)].map(([, title = '', path = '']) => {
    return { text: title, path: join(docs, path) };
  });
}

/** Patterns of the titles of all tests in a file; `%s` and the like stand for anything. */
function titlesIn(path: string): RegExp[] {
  const { program } = parseSync(path, readFileSync(path, 'utf8'));
  const titles: RegExp[] = [];
  new Visitor({
    CallExpression: ({ callee, arguments: [title] }) => {
      if (!isTest(callee)) return;
      if (title?.type === 'Literal') titles.push(patternOf([String(title.value)]));
      if (title?.type === 'TemplateLiteral') {
        titles.push(patternOf(title.quasis.map(({ value }) => value.cooked ?? '')));
      }
    },
  }).visit(program);
  return titles;
}

/** An expression as far as this looks into it. */
interface Callee {
  readonly type: string;
  readonly name?: unknown;
  readonly object?: Callee;
  readonly property?: Callee;
  readonly callee?: Callee;
}

/** `test`, `needed.test`, and what `test.each(…)` and the like give. */
function isTest({ type, name, object, property, callee }: Callee): boolean {
  if (type === 'Identifier') return name === 'test';
  if (type === 'CallExpression') return callee !== undefined && isTest(callee);
  return (property?.name === 'test' || (object && isTest(object))) ?? false;
}

function patternOf(parts: readonly string[]): RegExp {
  const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const filled = parts.map((part) => escape(part).replace(/%[sijdo]|\\\$[a-z]+/gi, '(.+)'));
  return new RegExp(`^${filled.join('(.*)')}$`, 's');
}

/** What is wrong with a link to a test; undefined when there is such a test. */
function problemOf({ text, path }: Link): string | undefined {
  if (!existsSync(path)) return `${path} does not exist`;
  const found = titlesIn(path).map((title) => title.exec(text));
  const match = found.find((each) => each !== null);
  if (!match) return `${path} has no test "${text}": mend docs/guarantees.md`;
  // What fills a title in must at least be spoken of beside the test.
  const missing = match.slice(1).filter((value) => !isSpokenOf(value, dirname(path)));
  return missing.length > 0 ? `${path}: nobody knows ${missing.join()}` : undefined;
}

function isSpokenOf(value: string, folder: string): boolean {
  if (/^%[sijdo]$/.test(value)) return true; // the title of all of them
  const names = readdirSync(folder, { recursive: true }).map(String);
  const text = value.replace(/^"(.*)"$/, '$1');
  return names.some(
    (name) =>
      name.includes(text) ||
      (name.endsWith('.ts') && readFileSync(join(folder, name), 'utf8').includes(text)),
  );
}

describe.each([
  ['Rules', 20],
  ['Scenarios', 28],
])('the table of %s', (heading, count) => {
  const rows = rowsOf(heading);

  test(`has rows 1 to ${count}, each with a guard, and a test or a plan`, () => {
    expect(rows.map(({ number }) => number)).toEqual(
      Array.from({ length: count }, (_, index) => index + 1),
    );
    for (const { number, guards, tests, isPlanned } of rows) {
      expect(guards, `guards of row ${number}`).not.toEqual([]);
      expect(tests.length > 0 || isPlanned, `row ${number} is shown by nothing`).toBe(true);
    }
  });

  test('names sources that exist', () => {
    const missing = rows.flatMap(({ guards }) => guards).filter(({ path }) => !existsSync(path));
    expect(missing).toEqual([]);
  });

  test('names tests that exist', () => {
    const problems = rows.flatMap(({ tests }) => tests.flatMap((link) => problemOf(link) ?? []));
    expect(problems).toEqual([]);
  });
});

test('every other link leads somewhere', () => {
  const missing = linksIn(page).filter(({ path }) => !existsSync(path));
  expect(missing).toEqual([]);
});

test('a test that does not exist is noticed', () => {
  const path = join(docs, '../test/docs/guarantees.test.ts');
  expect(problemOf({ text: 'names sources that exist', path })).toBeUndefined();
  expect(problemOf({ text: 'names sources that do not exist', path })).toContain('has no test');
  expect(problemOf({ text: 'x', path: join(docs, 'x.test.ts') })).toContain('does not exist');
});

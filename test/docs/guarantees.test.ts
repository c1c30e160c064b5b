import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Link, linksIn, pageText, problemOf } from './test-links.ts';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const page = pageText('guarantees.md');

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

import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { linksIn, pageText, problemOf } from './test-links.ts';

const page = pageText('resources.md');
const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
const [heads = [], ...resources] = rows.map((row) => row.slice(2, -2).split(' | '));

test('every cell of a resource links to what shows it', () => {
  expect(resources.length).toBeGreaterThanOrEqual(4);
  for (const [name, ...cells] of resources) {
    expect(cells, `${name}: as many cells as the table has heads`).toHaveLength(heads.length - 1);
    const bare = cells.flatMap((cell, n) => (linksIn(cell).length > 0 ? [] : [heads[n + 1]]));
    expect(bare, `${name}: cells without a link`).toEqual([]);
  }
});

test('every link leads somewhere, and names a test that exists', () => {
  const links = linksIn(page);
  expect(links.filter(({ path }) => !existsSync(path))).toEqual([]);
  const tests = links.filter(({ text, path }) => path.endsWith('.test.ts') && text !== 'conforms');
  expect(tests.flatMap((link) => problemOf(link) ?? [])).toEqual([]);
});

test('every resource passes the kit', () => {
  for (const [name, kind = ''] of resources) {
    const [link] = linksIn(kind);
    expect(link?.text, `${name}: a link "conforms" to the test`).toBe('conforms');
    expect(readFileSync(link?.path ?? '', 'utf8'), name).toContain('testConformance(');
  }
});

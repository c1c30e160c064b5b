import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { errorTable } from '../../scripts/error-table.ts';
import { withFigures } from '../../scripts/write-figures.ts';

const page = fileURLToPath(new URL('../../docs/errors.md', import.meta.url));

test('the page of error codes is current: npm run docs:errors', () => {
  const text = readFileSync(page, 'utf8');
  expect(text).toContain('`work-after-end`');
  expect(text).toBe(withFigures(text, errorTable()));
});

test('a page without its marks is not written', () => {
  expect(() => withFigures('# Figures', 'none')).toThrow(/needs <!-- figures -->/);
});

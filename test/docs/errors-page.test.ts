import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { withTable } from '../../scripts/write-error-page.ts';

const page = fileURLToPath(new URL('../../docs/errors.md', import.meta.url));

test('the page of error codes is current: npm run docs:errors', () => {
  const text = readFileSync(page, 'utf8');
  expect(text).toContain('`work-after-end`');
  expect(text).toBe(withTable(text));
});

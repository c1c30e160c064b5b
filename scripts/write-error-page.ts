// Writes the table of docs/errors.md from the catalogue: `npm run docs:errors`.
import { readFileSync, writeFileSync } from 'node:fs';
import { errorCodes, UnanimousError } from '../proto/src/errors.ts';

const page = new URL('../docs/errors.md', import.meta.url);

/** One row for each code, in the order of the catalogue. */
export function errorTable(): string {
  const rows = errorCodes.map((code) => {
    const { hint, retryable } = new UnanimousError(code, '');
    return `| \`${code}\` | ${hint.replaceAll('|', '\\|')} | ${retryable ? 'yes' : ''} |`;
  });
  return ['| Code | What to do | Try again |', '| --- | --- | --- |', ...rows].join('\n');
}

/** The page with its table made anew. */
export function withTable(text: string): string {
  const between = /(<!-- codes -->\n)[^]*(\n<!-- end of codes -->)/;
  return text.replace(between, (_, start: string, end: string) => start + errorTable() + end);
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1])) {
  writeFileSync(page, withTable(readFileSync(page, 'utf8')));
}

import { errorCodes, UnanimousError } from '../proto/src/errors.ts';

/** All error codes with their remedies as a table in Markdown, in the order of the catalogue. */
export function errorTable(): string {
  const rows = errorCodes.map((code) => {
    const { hint, retryable } = new UnanimousError(code, '');
    return `| \`${code}\` | ${hint.replaceAll('|', '\\|')} | ${retryable ? 'yes' : ''} |`;
  });
  return ['| Code | What to do | Try again |', '| --- | --- | --- |', ...rows].join('\n');
}

import { readWords } from './sql-statements.ts';
import { type Control, controlOf } from './transaction-control.ts';

/** A SQL text together with what matters of it to a branch. */
export interface ParsedSql {
  readonly text: string;
  readonly control: Control;
  /** By its first word it only reads; a function that it calls may write all the same. */
  readonly isReading: boolean;
  /** It may change more than the transaction: session settings, session locks, temporary tables. */
  readonly mayLeak: boolean;
}

// One statement, for it has no semicolon, and of a kind that touches nothing but the transaction.
const harmless = /^\s*(?:select|insert|update|delete|replace|with)\b[^;]*$/i;
const suspect = /get_lock|release_lock|release_all_locks|:=/i;
const readingWords = new Set([
  ...['SELECT', 'WITH', 'SHOW', 'EXPLAIN', 'DESC', 'DESCRIBE', 'SET', 'DO', 'VALUES', 'TABLE'],
]);
const leakingFirstWords = new Set(['USE', 'PREPARE', 'DEALLOCATE', 'HANDLER']);
const leakingWords = new Set(['TEMPORARY', 'GET_LOCK', 'RELEASE_LOCK', 'RELEASE_ALL_LOCKS']);

/** Reads a SQL text. Never throws: what neither of us understands, the server refuses. */
export function parseSql(text: string): ParsedSql {
  const isHarmless = harmless.test(text) && !suspect.test(text);
  const isReading = isHarmless && /^\s*(?:select|with)\b/i.test(text);
  if (isHarmless) return { text, control: { kind: 'plain' }, isReading, mayLeak: false };
  const sql = readWords(text);
  const control = controlOf(sql);
  const words = sql.words.map((word) => (word.isQuoted ? '' : word.text));
  const first = words[0] ?? '';
  const isSessionSet = first === 'SET' && control.kind === 'plain';
  return {
    text,
    control,
    isReading: !sql.hasSeveral && readingWords.has(first),
    mayLeak:
      isSessionSet || leakingFirstWords.has(first) || words.some((word) => leakingWords.has(word)),
  };
}

/** A SQL text for a message: on one line, cut off where it is long. */
export function excerpt(sql: string): string {
  const line = sql.slice(0, 2_000).replaceAll(/\s+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

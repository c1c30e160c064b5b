import { type SqlStatement, splitStatements } from './sql-statements.ts';
import { type Control, controlOf } from './transaction-control.ts';

/** A SQL text together with what matters of it to a branch. */
export interface ParsedSql {
  readonly text: string;
  readonly control: Control;
  /** It may send a notification, which PREPARE refuses and COMMIT sends (PROTOCOL rule 12). */
  readonly mentionsNotify: boolean;
  /** One statement, of a kind that touches nothing but the transaction. */
  readonly isSimple: boolean;
  /** One such statement, of a kind that changes rows. */
  readonly isChange: boolean;
  /** It may change more than the transaction: session settings, session locks, temporary tables. */
  readonly mayLeak: boolean;
}

// One statement, for it has no semicolon, and of a kind that touches nothing but the transaction.
const harmless = /^\s*(?:select|insert|update|delete|with)\b[^;]*$/i;
const change = /^\s*(?:insert|update|delete)/i;
const suspect = /notify|set_config|advisory|temp|hold/i;
const simple = { isSimple: true, mentionsNotify: false, mayLeak: false } as const;
const notifyWords = new Set(['NOTIFY', 'PG_NOTIFY']);
const leakingFirstWords = new Set([
  ...['LISTEN', 'UNLISTEN', 'RESET', 'DISCARD', 'LOAD', 'PREPARE', 'DEALLOCATE'],
]);
const leakingWords = new Set([
  ...['SET_CONFIG', 'TEMP', 'TEMPORARY', 'PG_TEMP', 'HOLD', 'PG_ADVISORY_LOCK'],
  ...['PG_ADVISORY_LOCK_SHARED', 'PG_TRY_ADVISORY_LOCK', 'PG_TRY_ADVISORY_LOCK_SHARED'],
]);
const harmlessSets = new Set(['LOCAL', 'TRANSACTION', 'CONSTRAINTS']);

/** Reads a SQL text. Never throws: what neither of us understands, Postgres refuses. */
export function parseSql(text: string): ParsedSql {
  if (harmless.test(text) && !suspect.test(text)) {
    return { text, control: { kind: 'plain' }, isChange: change.test(text), ...simple };
  }
  const statements = splitStatements(text);
  const control = controlOf(statements);
  const hasWord = (words: ReadonlySet<string>) =>
    statements.some((each) => each.words.some((word) => words.has(word.text.toUpperCase())));
  return {
    text,
    control: control.kind === 'plain' ? controlUnderEscapes(text) : control,
    isSimple: false,
    isChange: false,
    mentionsNotify: hasWord(notifyWords),
    mayLeak: hasWord(leakingWords) || statements.some(leaksByFirstWord),
  };
}

/** A SQL text for a message: on one line, cut off where it is long. */
export function excerpt(sql: string): string {
  const line = sql.slice(0, 2_000).replaceAll(/\s+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** Under standard_conforming_strings = off the text is cut elsewhere; neither cut may end us. */
function controlUnderEscapes(text: string): Control {
  return text.includes('\\') ? controlOf(splitStatements(text, true)) : { kind: 'plain' };
}

function leaksByFirstWord({ words }: SqlStatement): boolean {
  const first = words[0]?.text ?? '';
  const isSessionSet = first === 'SET' && !harmlessSets.has(words[1]?.text ?? '');
  return isSessionSet || leakingFirstWords.has(first);
}

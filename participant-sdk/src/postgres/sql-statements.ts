/** One statement of a SQL text, cut where Postgres would cut it. */
export interface SqlStatement {
  /** Its keywords, names and numbers, in order. */
  readonly words: readonly SqlWord[];
  /** True when it holds nothing but words and commas: no string, operator or parenthesis. */
  readonly isOnlyWords: boolean;
}

/** A keyword, a name or a number. */
export interface SqlWord {
  /** In capitals; a quoted name, and one with other than ASCII letters, as it is. */
  readonly text: string;
  readonly isQuoted: boolean;
}

const blank = /(?:[ \t\n\r\f\v]+|--[^\n\r]*)+/y;
const bareWord = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[0-9]+/y;
const quotedName = /"([^"]*(?:""[^"]*)*)(?:"|$)/y;
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const quoteOrBackslash = /['\\]/g;
// A string goes on after white space with a line break in it, read in the manner of its first part.
const continuation = /(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*(?=')/y;

/**
 * Cuts a SQL text at the semicolons at which Postgres would cut it; empty statements are left out.
 * `hasEscapes` says whether a backslash escapes in a plain '…', as it does under
 * standard_conforming_strings = off.
 */
export function splitStatements(sql: string, hasEscapes = false): SqlStatement[] {
  const statements: SqlStatement[] = [];
  let words: SqlWord[] = [];
  let isOnlyWords = true;
  const cut = () => {
    if (words.length > 0 || !isOnlyWords) statements.push({ words, isOnlyWords });
    words = [];
    isOnlyWords = true;
  };

  let at = 0;
  while (at < sql.length) {
    at = blankEnd(sql, at);
    const bare = match(bareWord, sql, at)?.[0];
    const quoted = sql[at] === '"' ? match(quotedName, sql, at) : null;
    if (bare !== undefined && sql[at + bare.length] === "'" && /^e$/i.test(bare)) {
      at = stringEnd(sql, at + 1, true);
      isOnlyWords = false;
    } else if (bare !== undefined) {
      words.push({ text: inCapitals(bare), isQuoted: false });
      at += bare.length;
    } else if (quoted) {
      words.push({ text: (quoted[1] ?? '').replaceAll('""', '"'), isQuoted: true });
      at += quoted[0].length;
    } else if (sql[at] === ';') {
      cut();
      at += 1;
    } else if (at < sql.length) {
      isOnlyWords &&= sql[at] === ',';
      at = otherEnd(sql, at, hasEscapes);
    }
  }
  cut();
  return statements;
}

/** Keywords are ASCII: a dotless i in capitals would turn a name into one. */
function inCapitals(bare: string): string {
  return /^[\w$]+$/.test(bare) ? bare.toUpperCase() : bare;
}

function match(pattern: RegExp, sql: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(sql);
}

/** Where the white space and the comments end that may begin at `at`. */
function blankEnd(sql: string, at: number): number {
  let end = at;
  for (;;) {
    const start = end;
    end += match(blank, sql, end)?.[0].length ?? 0;
    if (sql.startsWith('/*', end)) end = blockCommentEnd(sql, end);
    if (end === start) return end;
  }
}

/** Block comments nest. */
function blockCommentEnd(sql: string, at: number): number {
  let depth = 0;
  let end = at;
  do {
    const isOpening = sql.startsWith('/*', end);
    const isClosing = !isOpening && sql.startsWith('*/', end);
    depth += Number(isOpening) - Number(isClosing);
    end += isOpening || isClosing ? 2 : 1;
  } while (depth > 0 && end < sql.length);
  return end;
}

/** Where the string, the dollar-quoted string or the single character at `at` ends. */
function otherEnd(sql: string, at: number, hasEscapes: boolean): number {
  if (sql[at] === "'") return stringEnd(sql, at, hasEscapes);
  const tag = match(dollarTag, sql, at)?.[0];
  if (tag === undefined) return at + 1;
  const close = sql.indexOf(tag, at + tag.length);
  return close < 0 ? sql.length : close + tag.length;
}

/** Where the string ends whose opening quote is at `at`, the parts that continue it included. */
function stringEnd(sql: string, at: number, hasEscapes: boolean): number {
  let end = at + 1;
  for (;;) {
    const found = match(quoteOrBackslash, sql, end);
    if (!found) return sql.length;
    end = found.index + 1;
    if (found[0] === '\\') {
      end += hasEscapes ? 1 : 0;
    } else if (sql[end] === "'") {
      end += 1;
    } else {
      const gap = match(continuation, sql, end);
      if (!gap) return end;
      end += gap[0].length + 1;
    }
  }
}

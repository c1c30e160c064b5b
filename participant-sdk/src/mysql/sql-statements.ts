/** The words of a SQL text, as far as a branch needs to know them. */
export interface SqlWords {
  /** Keywords, names and numbers in order: bare ones in capitals, quoted ones as they are. */
  readonly words: readonly SqlWord[];
  /** True when it holds nothing but words, commas and one final semicolon. */
  readonly isOnlyWords: boolean;
  /** A semicolon is followed by something else. */
  readonly hasSeveral: boolean;
}

/** A keyword, a name or a number. */
export interface SqlWord {
  readonly text: string;
  readonly isQuoted: boolean;
}

const token =
  /\s+|#[^\n]*|--(?=[\s]|$)[^\n]*|\/\*!\d*|\*\/|\/\*[^!][\s\S]*?\*\/|\/\*\*\/|`(?:[^`]|``)*`|'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"|@{0,2}[\w$\u0080-\uffff]+|[\s\S]/gy;

/**
 * Reads a text as MariaDB and MySQL do: three kinds of comments, of which the one that begins with
 * an exclamation mark is executed. What is misread here, the server refuses: it lets no transaction
 * statement pass inside an XA transaction.
 */
export function readWords(sql: string): SqlWords {
  const words: SqlWord[] = [];
  let isOnlyWords = true;
  let hasEnded = false;
  let hasSeveral = false;
  for (const [text] of sql.matchAll(token)) {
    if (/^(?:\s|#|--.|\/\*|\*\/)/s.test(text) || text === '--') continue;
    if (hasEnded && text !== ';') hasSeveral = true;
    if (text === ';') hasEnded = true;
    else if (text.startsWith('`')) {
      words.push({ text: text.slice(1, -1).replaceAll('``', '`'), isQuoted: true });
    } else if (/^@{0,2}[\w$\u0080-\uffff]/.test(text)) {
      words.push({ text: text.toUpperCase(), isQuoted: false });
    } else isOnlyWords &&= text === ',';
  }
  return { words, isOnlyWords, hasSeveral };
}

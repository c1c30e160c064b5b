import type { SqlWords } from './sql-statements.ts';

/** What a SQL text does to the transaction that it runs in. */
export type Control =
  | { readonly kind: 'plain' }
  /** `modes` as in START TRANSACTION, in capitals; empty where none is asked for. */
  | { readonly kind: 'begin'; readonly modes: string }
  /** SET TRANSACTION: modes for the next transaction only. */
  | { readonly kind: 'modes'; readonly modes: string }
  | { readonly kind: 'commit' }
  | { readonly kind: 'rollback' }
  | { readonly kind: 'savepoint' | 'release' | 'rollback-to'; readonly savepoint: string }
  /** Would end the branch, or changes what a transaction is. */
  | { readonly kind: 'refused'; readonly statement: string };

const plain: Control = { kind: 'plain' };

/**
 * What a text does to the transaction. Only a single statement may be what a query builder sends;
 * of several, those that would end the transaction are refused by the server itself.
 */
export function controlOf(sql: SqlWords): Control {
  const words = keywords(sql);
  const [first, second] = words;
  if (sql.hasSeveral) return words.includes('XA') ? refused(sql) : plain;
  switch (first) {
    case 'BEGIN':
      return second === 'NOT' ? plain : beginOf(sql, second === 'WORK' ? 2 : 1);
    case 'START':
      return second === 'TRANSACTION' ? beginOf(sql, 2) : plain;
    case 'COMMIT':
      return endOf(sql, 'commit');
    case 'ROLLBACK':
      return words.includes('TO') ? savepointOf(sql, 'rollback-to') : endOf(sql, 'rollback');
    case 'SAVEPOINT':
      return savepointOf(sql, 'savepoint');
    case 'RELEASE':
      return second === 'SAVEPOINT' ? savepointOf(sql, 'release') : plain;
    case 'SET':
      return setOf(sql);
    case 'XA':
      return second === 'RECOVER' ? plain : refused(sql);
    default:
      return plain;
  }
}

/** The keywords; a quoted name is never one. */
function keywords({ words }: SqlWords): string[] {
  return words.map((word) => (word.isQuoted ? '' : word.text));
}

function refused({ words }: SqlWords): Control {
  const texts = words.map((word) => word.text);
  return { kind: 'refused', statement: texts.slice(0, 4).join(' ') };
}

function beginOf(sql: SqlWords, from: number): Control {
  const modes = keywords(sql).slice(from).join(' ');
  return sql.isOnlyWords ? { kind: 'begin', modes } : refused(sql);
}

/** COMMIT [WORK] [AND NO CHAIN] [NO RELEASE]; AND CHAIN and RELEASE are refused. */
function endOf(sql: SqlWords, kind: 'commit' | 'rollback'): Control {
  const rest = keywords(sql)
    .slice(1)
    .filter((word) => word !== 'WORK')
    .join(' ');
  const isUnderstood = /^(?:AND NO CHAIN)?(?: ?NO RELEASE)?$/.test(rest);
  return sql.isOnlyWords && isUnderstood ? { kind } : refused(sql);
}

/** The savepoint's name is the last word; it is compared without regard to capitals. */
function savepointOf(sql: SqlWords, kind: 'savepoint' | 'release' | 'rollback-to'): Control {
  const name = sql.words.at(-1);
  if (!sql.isOnlyWords || !name || sql.words.length < 2) return refused(sql);
  return { kind, savepoint: name.text.toLowerCase() };
}

/** SET TRANSACTION …; SET autocommit would begin or end transactions by itself. */
function setOf(sql: SqlWords): Control {
  const words = keywords(sql);
  if (words[1] === 'TRANSACTION') return { kind: 'modes', modes: words.slice(2).join(' ') };
  const touchesAutocommit = words.some((word) => /^(?:@@)?AUTOCOMMIT$/.test(word));
  return touchesAutocommit ? refused(sql) : plain;
}

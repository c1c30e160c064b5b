import type { SqlStatement } from './sql-statements.ts';

/** What a SQL text does to the transaction that it runs in. */
export type Control =
  | { readonly kind: 'plain' }
  /** `modes` as they go behind BEGIN, in capitals; empty where none is asked for. */
  | { readonly kind: 'begin'; readonly modes: string }
  /** SET TRANSACTION: modes of the transaction that runs. */
  | { readonly kind: 'modes'; readonly modes: string }
  | { readonly kind: 'commit' }
  | { readonly kind: 'rollback' }
  | { readonly kind: 'savepoint' | 'release' | 'rollback-to'; readonly savepoint: string }
  /** Would end the branch, or hides transaction control among other statements. */
  | { readonly kind: 'refused'; readonly statement: string };

const plain: Control = { kind: 'plain' };
const modeWords = new Set([
  ...['ISOLATION', 'LEVEL', 'SERIALIZABLE', 'REPEATABLE', 'COMMITTED', 'UNCOMMITTED'],
  ...['READ', 'WRITE', 'ONLY', 'NOT', 'DEFERRABLE'],
]);

/**
 * What the statements of one text do to the transaction. A single statement may be what a query
 * builder sends; among others every transaction command is refused.
 */
export function controlOf(statements: readonly SqlStatement[]): Control {
  const [only] = statements;
  if (only && statements.length === 1) return controlOfOne(only);
  let isInRoutineBody = false;
  for (const statement of statements) {
    const closesBody: boolean = isInRoutineBody && keywords(statement)[0] === 'END';
    const { kind } = controlOfOne(statement);
    if (!closesBody && kind !== 'plain' && kind !== 'modes') return refused(statement);
    isInRoutineBody = (isInRoutineBody && !closesBody) || opensRoutineBody(statement);
  }
  return plain;
}

function controlOfOne(statement: SqlStatement): Control {
  const [first, second] = keywords(statement);
  switch (first) {
    case 'BEGIN':
      return beginOf(statement, 1);
    case 'START':
      return second === 'TRANSACTION' ? beginOf(statement, 1) : plain;
    case 'SET':
      return second === 'TRANSACTION' ? modesOf(statement) : plain;
    case 'COMMIT':
    case 'END':
      return endOf(statement, 'commit');
    case 'ROLLBACK':
    case 'ABORT':
      return keywords(statement).includes('TO')
        ? savepointOf(statement, 'rollback-to')
        : endOf(statement, 'rollback');
    case 'SAVEPOINT':
      return savepointOf(statement, 'savepoint');
    case 'RELEASE':
      return savepointOf(statement, 'release');
    case 'PREPARE':
      return second === 'TRANSACTION' ? refused(statement) : plain;
    default:
      return plain;
  }
}

/** The statement's keywords; a quoted name is never one. */
function keywords({ words }: SqlStatement): string[] {
  return words.map((word) => (word.isQuoted ? '' : word.text));
}

function refused(statement: SqlStatement): Control {
  const words = statement.words.map((word) => word.text);
  return { kind: 'refused', statement: words.slice(0, 4).join(' ') };
}

/** BEGIN [WORK | TRANSACTION] [mode [,] …] */
function beginOf(statement: SqlStatement, at: number): Control {
  const words = keywords(statement);
  const from = isNoise(words[at]) ? at + 1 : at;
  const modes = words.slice(from);
  const isUnderstood = statement.isOnlyWords && modes.every((word) => modeWords.has(word));
  return isUnderstood ? { kind: 'begin', modes: modes.join(' ') } : refused(statement);
}

/** SET TRANSACTION mode [,] …; a SNAPSHOT is Postgres' own affair. */
function modesOf(statement: SqlStatement): Control {
  const modes = keywords(statement).slice(2);
  const isUnderstood = statement.isOnlyWords && modes.every((word) => modeWords.has(word));
  return isUnderstood ? { kind: 'modes', modes: modes.join(' ') } : plain;
}

/** COMMIT [WORK | TRANSACTION] [AND NO CHAIN]; AND CHAIN and PREPARED are refused. */
function endOf(statement: SqlStatement, kind: 'commit' | 'rollback'): Control {
  const words = keywords(statement);
  const rest = words.slice(isNoise(words[1]) ? 2 : 1).join(' ');
  const isUnderstood = statement.isOnlyWords && (rest === '' || rest === 'AND NO CHAIN');
  return isUnderstood ? { kind } : refused(statement);
}

/** The savepoint's name is the last word: folded as Postgres folds it, unless quoted. */
function savepointOf(
  statement: SqlStatement,
  kind: 'savepoint' | 'release' | 'rollback-to',
): Control {
  const name = statement.words.at(-1);
  if (!statement.isOnlyWords || !name || statement.words.length < 2) return refused(statement);
  return { kind, savepoint: name.isQuoted ? name.text : name.text.toLowerCase() };
}

function isNoise(word: string | undefined): boolean {
  return word === 'WORK' || word === 'TRANSACTION';
}

/** In CREATE FUNCTION … BEGIN ATOMIC …; …; END the END ends no transaction. */
function opensRoutineBody(statement: SqlStatement): boolean {
  const words = keywords(statement);
  const what = words[1] === 'OR' && words[2] === 'REPLACE' ? words[3] : words[1];
  const isRoutine = words[0] === 'CREATE' && (what === 'FUNCTION' || what === 'PROCEDURE');
  const body = words.findIndex((word, index) => word === 'BEGIN' && words[index + 1] === 'ATOMIC');
  return isRoutine && body > 0 && words[body + 2] !== 'END';
}

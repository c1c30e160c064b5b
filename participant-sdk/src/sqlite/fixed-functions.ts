import { createHash } from 'node:crypto';
import type { SqliteDatabase, SqliteStatement } from './sqlite-database.ts';

/** What stands in the place of clock and chance in one branch, so that its statements can be repeated. */
export interface Fixed {
  /** The time of all statements, milliseconds since 1970. */
  readonly nowMs: number;
  /** What random values are made of. */
  readonly seed: Uint8Array;
}

/** Time functions, and at which place their time value stands. */
const timeFunctions = {
  date: 0,
  time: 0,
  datetime: 0,
  julianday: 0,
  unixepoch: 0,
  strftime: 1,
} as const;

const currentTimes = {
  current_date: 'date',
  current_time: 'time',
  current_timestamp: 'datetime',
} as const;

/** SQLite's own functions of time, called on a database that has them as they are. */
export class TimeFunctions {
  readonly #database: SqliteDatabase;
  readonly #statements = new Map<string, SqliteStatement>();

  /** Takes over a database in memory. */
  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  call(name: string, parameters: readonly unknown[]): unknown {
    const text = `select ${name}(${parameters.map(() => '?').join(', ')}) as value`;
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#database.prepare(text);
      statement.safeIntegers(true);
      this.#statements.set(text, statement);
    }
    return (statement.get(...parameters) as { readonly value: unknown }).value;
  }

  close(): void {
    this.#database.close();
  }
}

/**
 * Lets a connection's statements see one time and reproducible chance, also in defaults, triggers
 * and CURRENT_TIMESTAMP. `position` tells the statements of a branch apart.
 */
export function fixFunctions(
  database: SqliteDatabase,
  own: TimeFunctions,
  fixed: Fixed,
  position: () => number,
): void {
  const now = new Date(fixed.nowMs).toISOString().replace('T', ' ').replace('Z', '');
  // Deterministic within a branch; else an index on date(column) could not be written.
  const options = { varargs: true, deterministic: true, safeIntegers: true };
  for (const [name, place] of Object.entries(timeFunctions)) {
    database.function(name, options, (...parameters) =>
      own.call(name, withTime(parameters, place, now)),
    );
  }
  // The number of arguments is that of SQLite's own, which else would be the better match.
  const fixedArity = { ...options, varargs: false };
  const nowOr = (value: unknown) => (isNow(value) ? now : value);
  database.function('timediff', fixedArity, (from: unknown, to: unknown) =>
    own.call('timediff', [nowOr(from), nowOr(to)]),
  );
  for (const [name, as] of Object.entries(currentTimes)) {
    database.function(name, fixedArity, () => own.call(as, [now]));
  }
  const chance = { varargs: false, deterministic: false, safeIntegers: true };
  const bytes = randomBytes(fixed.seed, position);
  database.function('random', chance, () => bytes(8).readBigInt64LE());
  database.function('randomblob', chance, (size: unknown) => bytes(Math.max(1, Number(size) || 1)));
  database.function('total_changes', chance, () => {
    throw new Error('total_changes() is not the same when a branch is repeated');
  });
}

function withTime(parameters: readonly unknown[], place: number, now: string): unknown[] {
  const [before, [value, ...modifiers]] = [parameters.slice(0, place), parameters.slice(place)];
  if (before.length < place) return [...parameters];
  if (typeof value === 'string' && /^subsec(ond)?$/i.test(value)) {
    return [...before, now, value, ...modifiers];
  }
  return [...before, parameters.length === place || isNow(value) ? now : value, ...modifiers];
}

function isNow(value: unknown): boolean {
  return typeof value === 'string' && value.toLowerCase() === 'now';
}

/** Bytes that are the same for the same seed, statement and number of calls before. */
function randomBytes(seed: Uint8Array, position: () => number): (size: number) => Buffer {
  let [at, calls] = [-1, 0];
  return (size) => {
    if (at !== position()) [at, calls] = [position(), 0];
    const hash = createHash('shake256', { outputLength: size });
    return hash.update(seed).update(`/${at}/${calls++}`).digest();
  };
}

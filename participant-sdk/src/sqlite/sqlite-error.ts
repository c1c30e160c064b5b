import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, type ErrorDetails, UnanimousError } from '@unanimous/proto';

/** SQLite's result code of an error, say `SQLITE_FULL`, or an empty text. */
function sqliteCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('SQLITE_') ? code : '';
}

/** True when somebody else holds a lock on the file. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(sqliteCode(error));
}

/** True when a connection may show other rows than the disk holds, so it must not go on. */
export function isBroken(error: unknown): boolean {
  return /^SQLITE_(IOERR|CORRUPT|NOTADB|READONLY|CANTOPEN|PROTOCOL)/.test(sqliteCode(error));
}

const remedies: readonly (readonly [RegExp, ErrorCode, string, ErrorDetails])[] = [
  [
    /^SQLITE_CONSTRAINT/,
    'constraint-violated',
    'a constraint refused the data',
    { hint: 'Change the data, or look for it before you write.' },
  ],
  [/^SQLITE_FULL/, 'rm-unavailable', 'the disk is full', { hint: 'Free space on its disk.' }],
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    'rm-unavailable',
    'the file is damaged',
    { hint: 'Stop its process, restore the file from a backup.', retryable: false },
  ],
  [
    /^SQLITE_(CANTOPEN|READONLY)/,
    'rm-unavailable',
    'the file or its folder cannot be written',
    { hint: 'Give the process the right to write the file and its folder.', retryable: false },
  ],
  [
    /^SQLITE_(BUSY|LOCKED)/,
    'rm-unavailable',
    'somebody else holds the write lock',
    { hint: 'Let all writes go through the process that serves the file.' },
  ],
  [/^SQLITE_IOERR/, 'rm-unavailable', 'the disk failed', { hint: 'Look at the system log.' }],
];

/** The typed error of something that SQLite said about a file, or about a statement on it. */
export function sqliteError(error: unknown, file: string, rm = ''): UnanimousError {
  if (error instanceof UnanimousError) return error;
  const code = sqliteCode(error);
  const text = error instanceof Error ? error.message : String(error);
  const found = remedies.find(([pattern]) => pattern.test(code));
  if (!found) {
    const hint = 'Mend the statement or its parameters.';
    return new UnanimousError('invalid-argument', `${file}: ${text}`, { rm, cause: error, hint });
  }
  const [, ours, what, details] = found;
  const message = `${file}: ${what} (${code}: ${text})`;
  return new UnanimousError(ours, message, { rm, ...details, cause: error });
}

/** Tries again while somebody else holds a lock, without blocking the event loop. */
export async function whileBusy<T>(waitMs: number, work: () => T): Promise<T> {
  const startedMs = performance.now();
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() - startedMs > waitMs) throw error;
    }
    await delay(pauseMs);
  }
}

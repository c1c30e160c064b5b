import { type ErrorDetails, UnanimousError } from '@unanimous/proto';

/** SQLite's result code of an error, say `SQLITE_FULL`, or an empty text. */
export function sqliteCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('SQLITE_') ? code : '';
}

/** True when another process holds the write lock. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error).startsWith('SQLITE_BUSY');
}

/** True when the connection may show other rows than the disk holds, so it must not go on. */
export function isBroken(error: unknown): boolean {
  return /^SQLITE_(IOERR|CORRUPT|NOTADB|READONLY|CANTOPEN|PROTOCOL)/.test(sqliteCode(error));
}

const remedies: readonly (readonly [RegExp, string, ErrorDetails])[] = [
  [/^SQLITE_FULL/, 'the disk is full', { hint: 'Free space on the disk of the file.' }],
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    'the file is damaged',
    { hint: 'Stop all its processes, restore the file from a backup.', retryable: false },
  ],
  [
    /^SQLITE_(CANTOPEN|READONLY)/,
    'the file or its folder cannot be written',
    { hint: 'Give the process the right to write the file and its folder.', retryable: false },
  ],
  [/^SQLITE_BUSY/, 'another process holds the write lock', { hint: 'Look who writes so long.' }],
  [/^SQLITE_IOERR/, 'the disk failed', { hint: 'Look at the disk and the system log.' }],
];

const unexpected = [
  null,
  'SQLite refuses',
  { hint: 'Were tables of the file changed by hand?', retryable: false },
] as const;

/** The typed error of something that SQLite said about a queue's file. */
export function queueError(error: unknown, file: string): UnanimousError {
  const code = sqliteCode(error);
  if (code === '') return UnanimousError.from(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === 'SQLITE_TOOBIG') {
    return new UnanimousError('payload-too-large', `${file}: ${text}`, { cause: error });
  }
  const [, what, details] = remedies.find(([pattern]) => pattern.test(code)) ?? unexpected;
  const message = `${file}: ${what} (${code}: ${text})`;
  return new UnanimousError('rm-unavailable', message, { ...details, cause: error });
}

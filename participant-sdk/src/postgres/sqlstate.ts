import { type ErrorCode, type ErrorDetails, UnanimousError } from '@unanimous/proto';

interface ServerAnswer {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** The error as Postgres sent it, or undefined for one of the driver or the network. */
function answerOf(error: unknown): ServerAnswer | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? (error as Error & ServerAnswer) : undefined;
}

/** The SQLSTATE that Postgres answered, or undefined where it did not answer. */
export function sqlState(error: unknown): string | undefined {
  return answerOf(error)?.code;
}

/**
 * True when the answer says that the statement did not happen. False where the connection was lost,
 * the driver's timer fired or the server went down: then nobody knows.
 */
export function isRefusal(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && !/^(?:08|53|57|58|XX|F0)/.test(state);
}

/**
 * The error of a branch that cannot vote yes, typed by what Postgres said. `otherwise` is the code
 * of what has none of its own.
 */
export function voteError(
  error: unknown,
  rm: string,
  otherwise: 'prepare-refused' | 'branch-doomed' = 'prepare-refused',
): UnanimousError {
  if (error instanceof UnanimousError) return error;
  const answer = answerOf(error);
  const { code, details } = answer ? kindOf(answer, otherwise) : unavailable;
  const text = error instanceof Error ? error.message : String(error);
  return new UnanimousError(code, `${rm}: ${text}`, { ...details, rm, cause: error });
}

/** The error of a server that cannot be used now, or not by us. */
export function unavailableError(error: unknown, rm: string): UnanimousError {
  if (error instanceof UnanimousError) return error;
  const details = kindBySqlState[sqlState(error) ?? '']?.details;
  const text = error instanceof Error ? error.message : String(error);
  return new UnanimousError('rm-unavailable', `${rm}: ${text}`, { ...details, rm, cause: error });
}

interface Kind {
  readonly code: ErrorCode;
  readonly details?: ErrorDetails;
}

const unavailable: Kind = { code: 'rm-unavailable' };

const kindBySqlState: Record<string, Kind> = {
  '40001': { code: 'serialization-failure' },
  '40P01': { code: 'serialization-failure' },
  '42501': refused('GRANT the missing right to the role that the service logs in as.'),
  '28P01': refused('Correct the user or the password of the pool.'),
  '28000': refused('Let the role log in: ALTER ROLE … LOGIN, and a line in pg_hba.conf.'),
  '3D000': refused('Correct the name of the database, or create it.'),
};

function refused(hint: string): Kind {
  return { code: 'rm-unavailable', details: { hint, retryable: false } };
}

/** What PREPARE answers where the transaction did what it cannot carry over. */
const notSupported: Kind = {
  code: 'prepare-refused',
  details: {
    hint:
      'A transaction over several resources can use neither temporary tables, LISTEN, NOTIFY, ' +
      'cursors WITH HOLD nor foreign tables of postgres_fdw. Do that outside the transaction.',
  },
};

function kindOf({ code, hint }: ServerAnswer, otherwise: Kind['code']): Kind {
  // The text is in the server's language, the setting's name is not.
  if (hint?.includes('max_prepared_transactions')) {
    return { code: code === '55000' ? 'prepared-disabled' : 'no-prepared-slot' };
  }
  if (code.startsWith('23')) return { code: 'constraint-violated' };
  if (/^(?:08|57P|53)/.test(code)) return unavailable;
  if (code === '0A000' && otherwise === 'prepare-refused') return notSupported;
  return kindBySqlState[code] ?? { code: otherwise };
}

import { type ErrorCode, type ErrorDetails, UnanimousError } from '@unanimous/proto';

/** Numbers of the server's errors that mean something to a branch. */
export const errorNumber = {
  accessDenied: 1045,
  databaseAccessDenied: 1044,
  unknownDatabase: 1049,
  tableExists: 1050,
  tableAccessDenied: 1142,
  notImplemented: 1178,
  unknownVariable: 1193,
  lockTimeout: 1205,

  deadlock: 1213,
  missingPrivilege: 1227,
  unknownXid: 1397,
  wrongXaState: 1399,
  outsideXa: 1400,
  xaError: 1401,
  xaRolledBack: 1402,
  characteristicsFixed: 1568,
  xaTimedOut: 1613,
  xaDeadlock: 1614,
  lockNotFree: 3572,
} as const;

/** The number that the server answered, or undefined where the error is the driver's or network's. */
function numberOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error) || !('sqlState' in error)) return undefined;
  const { errno, sqlState } = error;
  return typeof errno === 'number' && sqlState !== undefined ? errno : undefined;
}

/** True when the error is of this kind. */
export function isError(error: unknown, ...kinds: readonly (keyof typeof errorNumber)[]): boolean {
  return kinds.some((kind) => numberOf(error) === errorNumber[kind]);
}

/**
 * True when the answer says that the transaction was rolled back as a whole. A lock timeout undoes
 * only its statement, unless the server is told otherwise.
 */
export function endsTransaction(error: unknown, rollsBackOnTimeout: boolean): boolean {
  if (isError(error, 'lockTimeout')) return rollsBackOnTimeout;
  return isError(error, 'deadlock', 'xaRolledBack', 'xaTimedOut', 'xaDeadlock');
}

/**
 * The error of a branch that cannot vote yes, typed by what the server said. `otherwise` is the code
 * of what has none of its own.
 */
export function voteError(
  error: unknown,
  rm: string,
  otherwise: 'prepare-refused' | 'branch-doomed' = 'prepare-refused',
): UnanimousError {
  if (error instanceof UnanimousError) return error;
  const number = numberOf(error);
  const { code, details } =
    number === undefined ? unavailable : (kindByNumber[number] ?? { code: otherwise });
  return new UnanimousError(code, `${rm}: ${textOf(error)}`, { ...details, rm, cause: error });
}

/** The error of a server that cannot be used now, or not by us. */
export function unavailableError(error: unknown, rm: string): UnanimousError {
  if (error instanceof UnanimousError) return error;
  const details = kindByNumber[numberOf(error) ?? 0]?.details;
  return new UnanimousError('rm-unavailable', `${rm}: ${textOf(error)}`, {
    ...details,
    rm,
    cause: error,
  });
}

interface Kind {
  readonly code: ErrorCode;
  readonly details?: ErrorDetails;
}

const unavailable: Kind = { code: 'rm-unavailable' };
const conflict: Kind = { code: 'serialization-failure' };
const constraint: Kind = { code: 'constraint-violated' };

const kindByNumber: Record<number, Kind> = {
  [errorNumber.deadlock]: conflict,
  [errorNumber.lockTimeout]: conflict,
  [errorNumber.xaTimedOut]: conflict,
  [errorNumber.xaDeadlock]: conflict,
  [errorNumber.xaRolledBack]: conflict,
  ...Object.fromEntries(
    [1048, 1062, 1169, 1451, 1452, 1557, 1586, 1761, 3819, 4025].map((number) => [
      number,
      constraint,
    ]),
  ),
  ...Object.fromEntries(
    [1040, 1053, 1152, 1158, 1159, 1160, 1161, 1203, 1317, 1927].map((number) => [
      number,
      unavailable,
    ]),
  ),
  [errorNumber.accessDenied]: refused('Correct the user or the password of the pool.'),
  [errorNumber.databaseAccessDenied]: refused('GRANT the user its rights on the database.'),
  [errorNumber.unknownDatabase]: refused('Correct the name of the database, or create it.'),
  [errorNumber.tableAccessDenied]: refused('GRANT the missing right to the user of the pool.'),
  [errorNumber.missingPrivilege]: refused('GRANT the missing privilege to the user of the pool.'),
};

function refused(hint: string): Kind {
  return { code: 'rm-unavailable', details: { hint, retryable: false } };
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A refused connection is an AggregateError without a text of its own.
  const { code } = error as { code?: string };
  return error.message || (code ?? error.name);
}

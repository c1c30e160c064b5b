/** A logger as pino has it: fields first, then the message. Hand in your own. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Every line that the SDK logs: its event name, level and message. No line carries payloads, SQL
 * or secrets; gids, names of resource managers, codes and messages of errors are all there is.
 */
const catalogue = {
  'session.opened': ['info', 'connected to the coordinator'],
  'session.lost': ['warn', 'the session with the coordinator is lost; connecting again'],
  'session.refused': ['error', 'the coordinator refuses this session; trying again now and then'],
  'session.draining': ['info', 'the coordinator is about to stop'],
  'session.frame-failed': ['error', 'a frame could not be handled; connecting again'],
  'rm.served': ['info', 'serving a resource manager'],
  'rm.changed': ['warn', 'a resource manager is another one now: it failed over or was restored'],
  'rm.serve-failed': ['warn', 'could not serve a resource manager; trying again'],
  'rm.scan-failed': ['warn', 'could not scan a resource manager; trying again'],
  'rm.remember-failed': ['warn', 'could not store the log position'],
  'rm.audit-failed': ['warn', 'could not write down what an operator said; asking again'],
  'branch.in-doubt-found': ['info', 'found prepared branches; asking for their outcome'],
  'branch.hazard': ['error', 'the log no longer knows this prepared branch; resolve it by hand'],
  'branch.foreign': ['debug', 'a prepared branch belongs to another coordinator; left alone'],
  'branch.refused': ['info', 'a branch votes no'],
  'branch.finish-failed': ['warn', 'could not finish a branch; trying again'],
  'branch.heuristic': ['error', 'a branch did not follow the decision'],
  'branch.rollback-failed': ['warn', 'rollback failed; its connection is given up'],
  'branch.vote-failed': ['warn', 'a branch could not be prepared'],
  'rm.close-failed': ['warn', 'a resource did not close cleanly'],
} as const satisfies Record<string, readonly [keyof Logger, string]>;

/** Name of a log line. */
export type LogEvent = keyof typeof catalogue;

/** Logs by the catalogue; does nothing without a logger, and never throws. */
export type Log = (event: LogEvent, fields?: object) => void;

/** Binds the catalogue to the user's logger. */
export function makeLog(logger: Logger | undefined): Log {
  if (!logger) return () => {};
  return (event, fields = {}) => {
    const [level, message] = catalogue[event];
    try {
      logger[level]({ event, ...fields }, message);
    } catch {
      // A logger that throws must not decide a transaction.
    }
  };
}

/** An error as a log line shows it: without stack, which could hold values. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as { code?: unknown };
  return { message: error.message, ...(code !== undefined && { code }) };
}

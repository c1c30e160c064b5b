/** Names of all events that the coordinator logs. Payloads, receipts and secrets are never logged. */
export const logEvents = {
  started: 'coordinator.started',
  recovered: 'coordinator.recovered',
  draining: 'coordinator.draining',
  stopped: 'coordinator.stopped',
  crashed: 'coordinator.crashed',
  listensInsecurely: 'listen.insecure',
  listensOnOldNode: 'listen.old-node',
  requestFailed: 'request.failed',
  logFailed: 'log.failed',
  logCompacted: 'log.compacted',
  logRestored: 'log.restored',
  logRepaired: 'log.repaired',
  mirrorDropped: 'log.mirror-dropped',
  tipLossAccepted: 'log.tip-loss-accepted',
  sessionOpened: 'session.opened',
  sessionClosed: 'session.closed',
  sessionRefused: 'session.refused',
  rmServed: 'rm.served',
  rmRegistered: 'rm.registered',
  rmRefused: 'rm.refused',
  transactionCommitted: 'transaction.committed',
  transactionAborted: 'transaction.aborted',
  transactionEnded: 'transaction.ended',
  branchHeuristic: 'branch.heuristic',
  branchPending: 'branch.pending',
  branchHazard: 'branch.hazard',
  branchResolved: 'branch.resolved',
  outcomesForgotten: 'outcomes.forgotten',
} as const;

/** Name of an event in the log. */
export type LogEvent = (typeof logEvents)[keyof typeof logEvents];

/** The part of pino that we use. */
export interface Logger {
  debug(fields: { readonly event: LogEvent } & Record<string, unknown>, message?: string): void;
  info(fields: { readonly event: LogEvent } & Record<string, unknown>, message?: string): void;
  warn(fields: { readonly event: LogEvent } & Record<string, unknown>, message?: string): void;
  error(fields: { readonly event: LogEvent } & Record<string, unknown>, message?: string): void;
}

/** A logger that says nothing: the embedded coordinator's default. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

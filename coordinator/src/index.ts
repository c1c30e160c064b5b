// The public list of @unanimous/coordinator, kept by hand. What is not here is internal.

// For users: a coordinator as a service, or inside a process.
export { type ServeOptions, serve, type Service } from './serve.ts';
export type { TlsIdentity } from './api/grpc-server.ts';
export { type EmbeddedConnection, type EmbeddedCoordinator } from './embedded.ts';
export { type EmbeddedListener, type EmbeddedOptions, startEmbedded } from './embedded.ts';
export { checkLimits } from './check-limits.ts';
export { defaultLimits, type Limits } from './limits.ts';
export { type LogEvent, logEvents, type Logger } from './log-events.ts';
export { version } from './version.ts';

// For extenders: who puts a coordinator on another log, or behind another transport.
export { Coordinator, type CoordinatorOptions } from './coordinator.ts';
export type { EnlistRequest } from './new-branch.ts';
export type { Operations } from './operations.ts';
export { connectInProcess } from './embedded.ts';
export { SqliteDecisionLog, type SqliteLogOptions } from './log/sqlite/sqlite-decision-log.ts';
export type { DecisionLog, Holder, Incarnation } from './log/decision-log.ts';
export type { LogEntry, LogPosition } from './log/decision-log.ts';
export type { DecidedBranch, HeuristicResult, LogRecord, Resolution } from './protocol/record.ts';
export type { Session, SessionSink } from './sessions/session.ts';
export type { Owner } from './entry.ts';
export { realWorld, type World } from './world.ts';

// The public list of @unanimous/participant-sdk, kept by hand. What is not here is internal.

// For users.
export { type Committed, type TransactionOutcome } from './client/outcome.ts';
export type { HeuristicView, PendingBranchView } from './client/outcome.ts';
export type { ClientOptions, CommonOptions } from './client/options.ts';
export type { EmbeddedOptions } from './client/embedded.ts';
export type {
  BeginOptions,
  CommittedValue,
  RetryOptions,
  RunOptions,
  TransactionFunction,
} from './client/run-transaction.ts';
export { type CommitOptions, type Transaction } from './client/transaction.ts';
export { TransactionClient } from './client/transaction-client.ts';
export type { Logger } from './logger.ts';
export type { TransactionContext } from './participant/local-transaction.ts';
export { currentTransaction, outsideTransaction } from './participant/scope.ts';
export type { TlsOptions } from './session/grpc-transport.ts';
export { type ErrorCode, type Gid, type Reason, UnanimousError } from '@unanimous/proto';

// For who makes a resource from functions.
export {
  type ApplyContext,
  type DefinedResource,
  defineResource,
  type Refusal,
  type ResourceDefinition,
} from './define-resource.ts';

// For extenders: resources from scratch, other transports, simulated worlds.
export type {
  AuditEntry,
  Decided,
  Finished,
  LostAnswer,
  OpenBranch,
  PrepareResult,
  ReadyResult,
  Resource,
  ResourceHost,
  RmIdentity,
  SeenPosition,
} from './resource.ts';
export { type BranchId, formatBranchId, type LogId, parseBranchId } from '@unanimous/proto';
export { type Ambient, systemAmbient } from './ambient.ts';
export type { TransportOptions } from './client/options.ts';
export { type EmbeddedCoordinator, embeddedTransport } from './session/embedded-transport.ts';
export type { Connection, ConnectionListener, Transport } from './session/transport.ts';

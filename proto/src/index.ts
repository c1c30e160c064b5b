// The public list of @unanimous/proto, kept by hand. What is not here is internal.

// For users: what services and operators' tools meet.
export * from './vocabulary.ts';
export { fromServiceError, statusOf, toServiceError } from './status.ts';

// For extenders: who builds another client, participant or coordinator.

// The session's frames and their messages.
export * from './frames.ts';

export { type Alarm, type AlarmClock, Alarms } from './alarms.ts';
export { FrameWriter, type FrameWriterOptions } from './frame-writer.ts';
export { takeInTurns } from './in-turns.ts';
export { boundsOfCoordinatorFrame, boundsOfPeerFrame } from './generated/frame-codec.ts';

// The services.
export { adminService, AdminServiceClient } from './definition.ts';
export { coordinatorService, CoordinatorServiceClient } from './definition.ts';
export { metadataKeys, protocolMax, protocolMin, protocolVersion, protoDir } from './definition.ts';
export type { AdminClient, AdminHandlers } from './definition.ts';
export type { CoordinatorClient, CoordinatorHandlers } from './definition.ts';
export type {
  AbortRequest,
  BeginReply,
  BeginRequest,
  BranchView,
  CommitRequest,
  EnlistReply,
  EnlistRequest,
  GetRequest,
  ListReply,
  ListRequest,
  PeerView,
  Resolution,
  ResolveRequest,
  ShowRequest,
  StatusReply,
  StatusRequest,
  TransactionView,
} from './definition.ts';

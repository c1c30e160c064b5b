// Original file: unanimous/v1/coordinator.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AbortRequest as _unanimous_v1_AbortRequest, AbortRequest__Output as _unanimous_v1_AbortRequest__Output } from '../../unanimous/v1/AbortRequest.js';
import type { BeginReply as _unanimous_v1_BeginReply, BeginReply__Output as _unanimous_v1_BeginReply__Output } from '../../unanimous/v1/BeginReply.js';
import type { BeginRequest as _unanimous_v1_BeginRequest, BeginRequest__Output as _unanimous_v1_BeginRequest__Output } from '../../unanimous/v1/BeginRequest.js';
import type { CommitRequest as _unanimous_v1_CommitRequest, CommitRequest__Output as _unanimous_v1_CommitRequest__Output } from '../../unanimous/v1/CommitRequest.js';
import type { CoordinatorFrame as _unanimous_v1_CoordinatorFrame, CoordinatorFrame__Output as _unanimous_v1_CoordinatorFrame__Output } from '../../unanimous/v1/CoordinatorFrame.js';
import type { EnlistReply as _unanimous_v1_EnlistReply, EnlistReply__Output as _unanimous_v1_EnlistReply__Output } from '../../unanimous/v1/EnlistReply.js';
import type { EnlistRequest as _unanimous_v1_EnlistRequest, EnlistRequest__Output as _unanimous_v1_EnlistRequest__Output } from '../../unanimous/v1/EnlistRequest.js';
import type { GetRequest as _unanimous_v1_GetRequest, GetRequest__Output as _unanimous_v1_GetRequest__Output } from '../../unanimous/v1/GetRequest.js';
import type { Outcome as _unanimous_v1_Outcome, Outcome__Output as _unanimous_v1_Outcome__Output } from '../../unanimous/v1/Outcome.js';
import type { PeerFrame as _unanimous_v1_PeerFrame, PeerFrame__Output as _unanimous_v1_PeerFrame__Output } from '../../unanimous/v1/PeerFrame.js';

/**
 * Drives transactions. Errors carry the gRPC status and, in the trailing metadata
 * `unanimous-code` and `unanimous-hint`, the stable code and the remedy. A call may carry the
 * metadata `unanimous-protocol` with the caller's protocol version; an unknown one is refused.
 */
export interface CoordinatorClient extends grpc.Client {
  /**
   * Aborts.
   */
  Abort(argument: _unanimous_v1_AbortRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  Abort(argument: _unanimous_v1_AbortRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  Abort(argument: _unanimous_v1_AbortRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  Abort(argument: _unanimous_v1_AbortRequest, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  /**
   * Aborts.
   */
  abort(argument: _unanimous_v1_AbortRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  abort(argument: _unanimous_v1_AbortRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  abort(argument: _unanimous_v1_AbortRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  abort(argument: _unanimous_v1_AbortRequest, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  
  /**
   * Creates a transaction.
   */
  Begin(argument: _unanimous_v1_BeginRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_BeginReply__Output>): grpc.ClientUnaryCall;
  Begin(argument: _unanimous_v1_BeginRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_BeginReply__Output>): grpc.ClientUnaryCall;
  Begin(argument: _unanimous_v1_BeginRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_BeginReply__Output>): grpc.ClientUnaryCall;
  Begin(argument: _unanimous_v1_BeginRequest, callback: grpc.requestCallback<_unanimous_v1_BeginReply__Output>): grpc.ClientUnaryCall;
  /**
   * Creates a transaction.
   */
  begin(argument: _unanimous_v1_BeginRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_BeginReply__Output>): grpc.ClientUnaryCall;
  begin(argument: _unanimous_v1_BeginRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_BeginReply__Output>): grpc.ClientUnaryCall;
  begin(argument: _unanimous_v1_BeginRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_BeginReply__Output>): grpc.ClientUnaryCall;
  begin(argument: _unanimous_v1_BeginRequest, callback: grpc.requestCallback<_unanimous_v1_BeginReply__Output>): grpc.ClientUnaryCall;
  
  /**
   * Runs both phases and answers the outcome.
   */
  Commit(argument: _unanimous_v1_CommitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  Commit(argument: _unanimous_v1_CommitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  Commit(argument: _unanimous_v1_CommitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  Commit(argument: _unanimous_v1_CommitRequest, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  /**
   * Runs both phases and answers the outcome.
   */
  commit(argument: _unanimous_v1_CommitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  commit(argument: _unanimous_v1_CommitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  commit(argument: _unanimous_v1_CommitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  commit(argument: _unanimous_v1_CommitRequest, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  
  /**
   * Adds a branch whose work the coordinator hands to an instance that serves the resource manager.
   */
  Enlist(argument: _unanimous_v1_EnlistRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_EnlistReply__Output>): grpc.ClientUnaryCall;
  Enlist(argument: _unanimous_v1_EnlistRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_EnlistReply__Output>): grpc.ClientUnaryCall;
  Enlist(argument: _unanimous_v1_EnlistRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_EnlistReply__Output>): grpc.ClientUnaryCall;
  Enlist(argument: _unanimous_v1_EnlistRequest, callback: grpc.requestCallback<_unanimous_v1_EnlistReply__Output>): grpc.ClientUnaryCall;
  /**
   * Adds a branch whose work the coordinator hands to an instance that serves the resource manager.
   */
  enlist(argument: _unanimous_v1_EnlistRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_EnlistReply__Output>): grpc.ClientUnaryCall;
  enlist(argument: _unanimous_v1_EnlistRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_EnlistReply__Output>): grpc.ClientUnaryCall;
  enlist(argument: _unanimous_v1_EnlistRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_EnlistReply__Output>): grpc.ClientUnaryCall;
  enlist(argument: _unanimous_v1_EnlistRequest, callback: grpc.requestCallback<_unanimous_v1_EnlistReply__Output>): grpc.ClientUnaryCall;
  
  /**
   * Answers what became of a transaction.
   */
  Get(argument: _unanimous_v1_GetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  Get(argument: _unanimous_v1_GetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  Get(argument: _unanimous_v1_GetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  Get(argument: _unanimous_v1_GetRequest, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  /**
   * Answers what became of a transaction.
   */
  get(argument: _unanimous_v1_GetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  get(argument: _unanimous_v1_GetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  get(argument: _unanimous_v1_GetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  get(argument: _unanimous_v1_GetRequest, callback: grpc.requestCallback<_unanimous_v1_Outcome__Output>): grpc.ClientUnaryCall;
  
  /**
   * The batched stream that the SDK uses; see session.proto.
   */
  Session(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_unanimous_v1_PeerFrame, _unanimous_v1_CoordinatorFrame__Output>;
  Session(options?: grpc.CallOptions): grpc.ClientDuplexStream<_unanimous_v1_PeerFrame, _unanimous_v1_CoordinatorFrame__Output>;
  /**
   * The batched stream that the SDK uses; see session.proto.
   */
  session(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_unanimous_v1_PeerFrame, _unanimous_v1_CoordinatorFrame__Output>;
  session(options?: grpc.CallOptions): grpc.ClientDuplexStream<_unanimous_v1_PeerFrame, _unanimous_v1_CoordinatorFrame__Output>;
  
}

/**
 * Drives transactions. Errors carry the gRPC status and, in the trailing metadata
 * `unanimous-code` and `unanimous-hint`, the stable code and the remedy. A call may carry the
 * metadata `unanimous-protocol` with the caller's protocol version; an unknown one is refused.
 */
export interface CoordinatorHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Aborts.
   */
  Abort: grpc.handleUnaryCall<_unanimous_v1_AbortRequest__Output, _unanimous_v1_Outcome>;
  
  /**
   * Creates a transaction.
   */
  Begin: grpc.handleUnaryCall<_unanimous_v1_BeginRequest__Output, _unanimous_v1_BeginReply>;
  
  /**
   * Runs both phases and answers the outcome.
   */
  Commit: grpc.handleUnaryCall<_unanimous_v1_CommitRequest__Output, _unanimous_v1_Outcome>;
  
  /**
   * Adds a branch whose work the coordinator hands to an instance that serves the resource manager.
   */
  Enlist: grpc.handleUnaryCall<_unanimous_v1_EnlistRequest__Output, _unanimous_v1_EnlistReply>;
  
  /**
   * Answers what became of a transaction.
   */
  Get: grpc.handleUnaryCall<_unanimous_v1_GetRequest__Output, _unanimous_v1_Outcome>;
  
  /**
   * The batched stream that the SDK uses; see session.proto.
   */
  Session: grpc.handleBidiStreamingCall<_unanimous_v1_PeerFrame__Output, _unanimous_v1_CoordinatorFrame>;
  
}

export interface CoordinatorDefinition extends grpc.ServiceDefinition {
  Abort: MethodDefinition<_unanimous_v1_AbortRequest, _unanimous_v1_Outcome, _unanimous_v1_AbortRequest__Output, _unanimous_v1_Outcome__Output>
  Begin: MethodDefinition<_unanimous_v1_BeginRequest, _unanimous_v1_BeginReply, _unanimous_v1_BeginRequest__Output, _unanimous_v1_BeginReply__Output>
  Commit: MethodDefinition<_unanimous_v1_CommitRequest, _unanimous_v1_Outcome, _unanimous_v1_CommitRequest__Output, _unanimous_v1_Outcome__Output>
  Enlist: MethodDefinition<_unanimous_v1_EnlistRequest, _unanimous_v1_EnlistReply, _unanimous_v1_EnlistRequest__Output, _unanimous_v1_EnlistReply__Output>
  Get: MethodDefinition<_unanimous_v1_GetRequest, _unanimous_v1_Outcome, _unanimous_v1_GetRequest__Output, _unanimous_v1_Outcome__Output>
  Session: MethodDefinition<_unanimous_v1_PeerFrame, _unanimous_v1_CoordinatorFrame, _unanimous_v1_PeerFrame__Output, _unanimous_v1_CoordinatorFrame__Output>
}

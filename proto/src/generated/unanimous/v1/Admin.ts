// Original file: unanimous/v1/admin.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ListReply as _unanimous_v1_ListReply, ListReply__Output as _unanimous_v1_ListReply__Output } from '../../unanimous/v1/ListReply.js';
import type { ListRequest as _unanimous_v1_ListRequest, ListRequest__Output as _unanimous_v1_ListRequest__Output } from '../../unanimous/v1/ListRequest.js';
import type { ResolveRequest as _unanimous_v1_ResolveRequest, ResolveRequest__Output as _unanimous_v1_ResolveRequest__Output } from '../../unanimous/v1/ResolveRequest.js';
import type { ShowRequest as _unanimous_v1_ShowRequest, ShowRequest__Output as _unanimous_v1_ShowRequest__Output } from '../../unanimous/v1/ShowRequest.js';
import type { StatusReply as _unanimous_v1_StatusReply, StatusReply__Output as _unanimous_v1_StatusReply__Output } from '../../unanimous/v1/StatusReply.js';
import type { StatusRequest as _unanimous_v1_StatusRequest, StatusRequest__Output as _unanimous_v1_StatusRequest__Output } from '../../unanimous/v1/StatusRequest.js';
import type { Transaction as _unanimous_v1_Transaction, Transaction__Output as _unanimous_v1_Transaction__Output } from '../../unanimous/v1/Transaction.js';

/**
 * Looks at transactions and resolves what the protocol cannot.
 */
export interface AdminClient extends grpc.Client {
  /**
   * Transactions that are not over, oldest first, and on request the recently ended.
   */
  List(argument: _unanimous_v1_ListRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_ListReply__Output>): grpc.ClientUnaryCall;
  List(argument: _unanimous_v1_ListRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_ListReply__Output>): grpc.ClientUnaryCall;
  List(argument: _unanimous_v1_ListRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_ListReply__Output>): grpc.ClientUnaryCall;
  List(argument: _unanimous_v1_ListRequest, callback: grpc.requestCallback<_unanimous_v1_ListReply__Output>): grpc.ClientUnaryCall;
  /**
   * Transactions that are not over, oldest first, and on request the recently ended.
   */
  list(argument: _unanimous_v1_ListRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_ListReply__Output>): grpc.ClientUnaryCall;
  list(argument: _unanimous_v1_ListRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_ListReply__Output>): grpc.ClientUnaryCall;
  list(argument: _unanimous_v1_ListRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_ListReply__Output>): grpc.ClientUnaryCall;
  list(argument: _unanimous_v1_ListRequest, callback: grpc.requestCallback<_unanimous_v1_ListReply__Output>): grpc.ClientUnaryCall;
  
  /**
   * Records an operator's word on a branch that is stuck or heuristic.
   */
  Resolve(argument: _unanimous_v1_ResolveRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  Resolve(argument: _unanimous_v1_ResolveRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  Resolve(argument: _unanimous_v1_ResolveRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  Resolve(argument: _unanimous_v1_ResolveRequest, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  /**
   * Records an operator's word on a branch that is stuck or heuristic.
   */
  resolve(argument: _unanimous_v1_ResolveRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  resolve(argument: _unanimous_v1_ResolveRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  resolve(argument: _unanimous_v1_ResolveRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  resolve(argument: _unanimous_v1_ResolveRequest, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  
  /**
   * One transaction with its branches.
   */
  Show(argument: _unanimous_v1_ShowRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  Show(argument: _unanimous_v1_ShowRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  Show(argument: _unanimous_v1_ShowRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  Show(argument: _unanimous_v1_ShowRequest, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  /**
   * One transaction with its branches.
   */
  show(argument: _unanimous_v1_ShowRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  show(argument: _unanimous_v1_ShowRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  show(argument: _unanimous_v1_ShowRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  show(argument: _unanimous_v1_ShowRequest, callback: grpc.requestCallback<_unanimous_v1_Transaction__Output>): grpc.ClientUnaryCall;
  
  /**
   * The coordinator itself.
   */
  Status(argument: _unanimous_v1_StatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  Status(argument: _unanimous_v1_StatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  Status(argument: _unanimous_v1_StatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  Status(argument: _unanimous_v1_StatusRequest, callback: grpc.requestCallback<_unanimous_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  /**
   * The coordinator itself.
   */
  status(argument: _unanimous_v1_StatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  status(argument: _unanimous_v1_StatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_unanimous_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  status(argument: _unanimous_v1_StatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_unanimous_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  status(argument: _unanimous_v1_StatusRequest, callback: grpc.requestCallback<_unanimous_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  
}

/**
 * Looks at transactions and resolves what the protocol cannot.
 */
export interface AdminHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Transactions that are not over, oldest first, and on request the recently ended.
   */
  List: grpc.handleUnaryCall<_unanimous_v1_ListRequest__Output, _unanimous_v1_ListReply>;
  
  /**
   * Records an operator's word on a branch that is stuck or heuristic.
   */
  Resolve: grpc.handleUnaryCall<_unanimous_v1_ResolveRequest__Output, _unanimous_v1_Transaction>;
  
  /**
   * One transaction with its branches.
   */
  Show: grpc.handleUnaryCall<_unanimous_v1_ShowRequest__Output, _unanimous_v1_Transaction>;
  
  /**
   * The coordinator itself.
   */
  Status: grpc.handleUnaryCall<_unanimous_v1_StatusRequest__Output, _unanimous_v1_StatusReply>;
  
}

export interface AdminDefinition extends grpc.ServiceDefinition {
  List: MethodDefinition<_unanimous_v1_ListRequest, _unanimous_v1_ListReply, _unanimous_v1_ListRequest__Output, _unanimous_v1_ListReply__Output>
  Resolve: MethodDefinition<_unanimous_v1_ResolveRequest, _unanimous_v1_Transaction, _unanimous_v1_ResolveRequest__Output, _unanimous_v1_Transaction__Output>
  Show: MethodDefinition<_unanimous_v1_ShowRequest, _unanimous_v1_Transaction, _unanimous_v1_ShowRequest__Output, _unanimous_v1_Transaction__Output>
  Status: MethodDefinition<_unanimous_v1_StatusRequest, _unanimous_v1_StatusReply, _unanimous_v1_StatusRequest__Output, _unanimous_v1_StatusReply__Output>
}

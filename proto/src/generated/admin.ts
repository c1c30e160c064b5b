import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Abort as _unanimous_v1_Abort, Abort__Output as _unanimous_v1_Abort__Output } from './unanimous/v1/Abort.js';
import type { AbortBranch as _unanimous_v1_AbortBranch, AbortBranch__Output as _unanimous_v1_AbortBranch__Output } from './unanimous/v1/AbortBranch.js';
import type { Acknowledgement as _unanimous_v1_Acknowledgement, Acknowledgement__Output as _unanimous_v1_Acknowledgement__Output } from './unanimous/v1/Acknowledgement.js';
import type { AdminClient as _unanimous_v1_AdminClient, AdminDefinition as _unanimous_v1_AdminDefinition } from './unanimous/v1/Admin.js';
import type { Ask as _unanimous_v1_Ask, Ask__Output as _unanimous_v1_Ask__Output } from './unanimous/v1/Ask.js';
import type { Begin as _unanimous_v1_Begin, Begin__Output as _unanimous_v1_Begin__Output } from './unanimous/v1/Begin.js';
import type { Begun as _unanimous_v1_Begun, Begun__Output as _unanimous_v1_Begun__Output } from './unanimous/v1/Begun.js';
import type { Branch as _unanimous_v1_Branch, Branch__Output as _unanimous_v1_Branch__Output } from './unanimous/v1/Branch.js';
import type { Commit as _unanimous_v1_Commit, Commit__Output as _unanimous_v1_Commit__Output } from './unanimous/v1/Commit.js';
import type { CommitBranch as _unanimous_v1_CommitBranch, CommitBranch__Output as _unanimous_v1_CommitBranch__Output } from './unanimous/v1/CommitBranch.js';
import type { CoordinatorFrame as _unanimous_v1_CoordinatorFrame, CoordinatorFrame__Output as _unanimous_v1_CoordinatorFrame__Output } from './unanimous/v1/CoordinatorFrame.js';
import type { Enlist as _unanimous_v1_Enlist, Enlist__Output as _unanimous_v1_Enlist__Output } from './unanimous/v1/Enlist.js';
import type { Enlisted as _unanimous_v1_Enlisted, Enlisted__Output as _unanimous_v1_Enlisted__Output } from './unanimous/v1/Enlisted.js';
import type { Hello as _unanimous_v1_Hello, Hello__Output as _unanimous_v1_Hello__Output } from './unanimous/v1/Hello.js';
import type { Heuristic as _unanimous_v1_Heuristic, Heuristic__Output as _unanimous_v1_Heuristic__Output } from './unanimous/v1/Heuristic.js';
import type { InDoubt as _unanimous_v1_InDoubt, InDoubt__Output as _unanimous_v1_InDoubt__Output } from './unanimous/v1/InDoubt.js';
import type { ListReply as _unanimous_v1_ListReply, ListReply__Output as _unanimous_v1_ListReply__Output } from './unanimous/v1/ListReply.js';
import type { ListRequest as _unanimous_v1_ListRequest, ListRequest__Output as _unanimous_v1_ListRequest__Output } from './unanimous/v1/ListRequest.js';
import type { LogPosition as _unanimous_v1_LogPosition, LogPosition__Output as _unanimous_v1_LogPosition__Output } from './unanimous/v1/LogPosition.js';
import type { OpenBranch as _unanimous_v1_OpenBranch, OpenBranch__Output as _unanimous_v1_OpenBranch__Output } from './unanimous/v1/OpenBranch.js';
import type { Outcome as _unanimous_v1_Outcome, Outcome__Output as _unanimous_v1_Outcome__Output } from './unanimous/v1/Outcome.js';
import type { Peer as _unanimous_v1_Peer, Peer__Output as _unanimous_v1_Peer__Output } from './unanimous/v1/Peer.js';
import type { PeerFrame as _unanimous_v1_PeerFrame, PeerFrame__Output as _unanimous_v1_PeerFrame__Output } from './unanimous/v1/PeerFrame.js';
import type { PendingBranch as _unanimous_v1_PendingBranch, PendingBranch__Output as _unanimous_v1_PendingBranch__Output } from './unanimous/v1/PendingBranch.js';
import type { Prepare as _unanimous_v1_Prepare, Prepare__Output as _unanimous_v1_Prepare__Output } from './unanimous/v1/Prepare.js';
import type { Reason as _unanimous_v1_Reason, Reason__Output as _unanimous_v1_Reason__Output } from './unanimous/v1/Reason.js';
import type { Refusal as _unanimous_v1_Refusal, Refusal__Output as _unanimous_v1_Refusal__Output } from './unanimous/v1/Refusal.js';
import type { Reserve as _unanimous_v1_Reserve, Reserve__Output as _unanimous_v1_Reserve__Output } from './unanimous/v1/Reserve.js';
import type { Reserved as _unanimous_v1_Reserved, Reserved__Output as _unanimous_v1_Reserved__Output } from './unanimous/v1/Reserved.js';
import type { ResolveRequest as _unanimous_v1_ResolveRequest, ResolveRequest__Output as _unanimous_v1_ResolveRequest__Output } from './unanimous/v1/ResolveRequest.js';
import type { Serve as _unanimous_v1_Serve, Serve__Output as _unanimous_v1_Serve__Output } from './unanimous/v1/Serve.js';
import type { Served as _unanimous_v1_Served, Served__Output as _unanimous_v1_Served__Output } from './unanimous/v1/Served.js';
import type { ShowRequest as _unanimous_v1_ShowRequest, ShowRequest__Output as _unanimous_v1_ShowRequest__Output } from './unanimous/v1/ShowRequest.js';
import type { StatusReply as _unanimous_v1_StatusReply, StatusReply__Output as _unanimous_v1_StatusReply__Output } from './unanimous/v1/StatusReply.js';
import type { StatusRequest as _unanimous_v1_StatusRequest, StatusRequest__Output as _unanimous_v1_StatusRequest__Output } from './unanimous/v1/StatusRequest.js';
import type { Transaction as _unanimous_v1_Transaction, Transaction__Output as _unanimous_v1_Transaction__Output } from './unanimous/v1/Transaction.js';
import type { Verdict as _unanimous_v1_Verdict, Verdict__Output as _unanimous_v1_Verdict__Output } from './unanimous/v1/Verdict.js';
import type { Vote as _unanimous_v1_Vote, Vote__Output as _unanimous_v1_Vote__Output } from './unanimous/v1/Vote.js';
import type { Welcome as _unanimous_v1_Welcome, Welcome__Output as _unanimous_v1_Welcome__Output } from './unanimous/v1/Welcome.js';
import type { Whole as _unanimous_v1_Whole, Whole__Output as _unanimous_v1_Whole__Output } from './unanimous/v1/Whole.js';
import type { WholeBranch as _unanimous_v1_WholeBranch, WholeBranch__Output as _unanimous_v1_WholeBranch__Output } from './unanimous/v1/WholeBranch.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  unanimous: {
    v1: {
      Abort: MessageTypeDefinition<_unanimous_v1_Abort, _unanimous_v1_Abort__Output>
      AbortBranch: MessageTypeDefinition<_unanimous_v1_AbortBranch, _unanimous_v1_AbortBranch__Output>
      Acknowledgement: MessageTypeDefinition<_unanimous_v1_Acknowledgement, _unanimous_v1_Acknowledgement__Output>
      /**
       * Looks at transactions and resolves what the protocol cannot.
       */
      Admin: SubtypeConstructor<typeof grpc.Client, _unanimous_v1_AdminClient> & { service: _unanimous_v1_AdminDefinition }
      Ask: MessageTypeDefinition<_unanimous_v1_Ask, _unanimous_v1_Ask__Output>
      Begin: MessageTypeDefinition<_unanimous_v1_Begin, _unanimous_v1_Begin__Output>
      Begun: MessageTypeDefinition<_unanimous_v1_Begun, _unanimous_v1_Begun__Output>
      Branch: MessageTypeDefinition<_unanimous_v1_Branch, _unanimous_v1_Branch__Output>
      BranchKind: EnumTypeDefinition
      Commit: MessageTypeDefinition<_unanimous_v1_Commit, _unanimous_v1_Commit__Output>
      CommitBranch: MessageTypeDefinition<_unanimous_v1_CommitBranch, _unanimous_v1_CommitBranch__Output>
      CommitKind: EnumTypeDefinition
      CoordinatorFrame: MessageTypeDefinition<_unanimous_v1_CoordinatorFrame, _unanimous_v1_CoordinatorFrame__Output>
      Enlist: MessageTypeDefinition<_unanimous_v1_Enlist, _unanimous_v1_Enlist__Output>
      Enlisted: MessageTypeDefinition<_unanimous_v1_Enlisted, _unanimous_v1_Enlisted__Output>
      Hello: MessageTypeDefinition<_unanimous_v1_Hello, _unanimous_v1_Hello__Output>
      Heuristic: MessageTypeDefinition<_unanimous_v1_Heuristic, _unanimous_v1_Heuristic__Output>
      InDoubt: MessageTypeDefinition<_unanimous_v1_InDoubt, _unanimous_v1_InDoubt__Output>
      ListReply: MessageTypeDefinition<_unanimous_v1_ListReply, _unanimous_v1_ListReply__Output>
      ListRequest: MessageTypeDefinition<_unanimous_v1_ListRequest, _unanimous_v1_ListRequest__Output>
      LogPosition: MessageTypeDefinition<_unanimous_v1_LogPosition, _unanimous_v1_LogPosition__Output>
      OpenBranch: MessageTypeDefinition<_unanimous_v1_OpenBranch, _unanimous_v1_OpenBranch__Output>
      Outcome: MessageTypeDefinition<_unanimous_v1_Outcome, _unanimous_v1_Outcome__Output>
      OutcomeKind: EnumTypeDefinition
      Peer: MessageTypeDefinition<_unanimous_v1_Peer, _unanimous_v1_Peer__Output>
      PeerFrame: MessageTypeDefinition<_unanimous_v1_PeerFrame, _unanimous_v1_PeerFrame__Output>
      PendingBranch: MessageTypeDefinition<_unanimous_v1_PendingBranch, _unanimous_v1_PendingBranch__Output>
      Prepare: MessageTypeDefinition<_unanimous_v1_Prepare, _unanimous_v1_Prepare__Output>
      Reason: MessageTypeDefinition<_unanimous_v1_Reason, _unanimous_v1_Reason__Output>
      Refusal: MessageTypeDefinition<_unanimous_v1_Refusal, _unanimous_v1_Refusal__Output>
      Reserve: MessageTypeDefinition<_unanimous_v1_Reserve, _unanimous_v1_Reserve__Output>
      Reserved: MessageTypeDefinition<_unanimous_v1_Reserved, _unanimous_v1_Reserved__Output>
      Resolution: EnumTypeDefinition
      ResolveRequest: MessageTypeDefinition<_unanimous_v1_ResolveRequest, _unanimous_v1_ResolveRequest__Output>
      Result: EnumTypeDefinition
      Serve: MessageTypeDefinition<_unanimous_v1_Serve, _unanimous_v1_Serve__Output>
      Served: MessageTypeDefinition<_unanimous_v1_Served, _unanimous_v1_Served__Output>
      ShowRequest: MessageTypeDefinition<_unanimous_v1_ShowRequest, _unanimous_v1_ShowRequest__Output>
      StatusReply: MessageTypeDefinition<_unanimous_v1_StatusReply, _unanimous_v1_StatusReply__Output>
      StatusRequest: MessageTypeDefinition<_unanimous_v1_StatusRequest, _unanimous_v1_StatusRequest__Output>
      Transaction: MessageTypeDefinition<_unanimous_v1_Transaction, _unanimous_v1_Transaction__Output>
      Verdict: MessageTypeDefinition<_unanimous_v1_Verdict, _unanimous_v1_Verdict__Output>
      VerdictKind: EnumTypeDefinition
      Vote: MessageTypeDefinition<_unanimous_v1_Vote, _unanimous_v1_Vote__Output>
      VoteKind: EnumTypeDefinition
      Welcome: MessageTypeDefinition<_unanimous_v1_Welcome, _unanimous_v1_Welcome__Output>
      Whole: MessageTypeDefinition<_unanimous_v1_Whole, _unanimous_v1_Whole__Output>
      WholeBranch: MessageTypeDefinition<_unanimous_v1_WholeBranch, _unanimous_v1_WholeBranch__Output>
    }
  }
}


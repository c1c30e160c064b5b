import { fileURLToPath } from 'node:url';
import { type Client, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType as AdminPackage } from './generated/admin.js';
import type { ProtoGrpcType as CoordinatorPackage } from './generated/coordinator.js';
import type { AdminClient, AdminDefinition } from './generated/unanimous/v1/Admin.js';
import type {
  CoordinatorClient,
  CoordinatorDefinition,
} from './generated/unanimous/v1/Coordinator.js';
import { loaderOptions } from './loader-options.ts';
import { withStrictDecoding } from './strict-decoding.ts';

/** The protocol version that this package speaks; a peer's hello and a call's metadata name it. */
export const protocolVersion = 1;

/** Oldest protocol version that this package still speaks. */
export const protocolMin = 1;

/** Newest protocol version that this package speaks. */
export const protocolMax = 1;

/**
 * Keys of gRPC metadata. Requests between services carry the first two, requests to a coordinator
 * `protocol`; trailers of a failed call carry the rest, percent-encoded (see `toServiceError`).
 */
export const metadataKeys = {
  /** The transaction that a call takes part in. */
  gid: 'unanimous-gid',
  /** Time until the transaction's deadline, in milliseconds. */
  remainingMs: 'unanimous-remaining-ms',
  /** Protocol version of the caller. */
  protocol: 'unanimous-protocol',
  /** Stable code of the error. */
  code: 'unanimous-code',
  /** Remedy of the error. */
  hint: 'unanimous-hint',
  /** Resource manager that the error concerns. */
  rm: 'unanimous-rm',
  /** `true` or `false`: may the same transaction succeed when it is tried again? */
  retryable: 'unanimous-retryable',
  /** When to try again, in milliseconds. */
  retryAfterMs: 'unanimous-retry-after-ms',
  /** What the no-voter said: a Reason as JSON. */
  reason: 'unanimous-reason',
} as const;

/** Folder that holds `unanimous/v1/*.proto`, for tools that read the contract itself. */
export const protoDir = fileURLToPath(new URL('../', import.meta.url));

/** Constructor of a typed client, as `new CoordinatorServiceClient(address, credentials)`. */
type ClientConstructor<C extends Client> = new (...args: ConstructorParameters<typeof Client>) => C;

const files = ['session', 'coordinator', 'admin'].map((name) => `unanimous/v1/${name}.proto`);
const contract = loadSync(files, { ...loaderOptions, includeDirs: [protoDir] });
const loaded = loadPackageDefinition(
  withStrictDecoding(contract),
) as unknown as CoordinatorPackage & AdminPackage;

/** The service of the session stream and of the unary API. Serve it with `server.addService`. */
export const coordinatorService: CoordinatorDefinition = loaded.unanimous.v1.Coordinator.service;

/** The service of the operators' questions and of their resolutions. */
export const adminService: AdminDefinition = loaded.unanimous.v1.Admin.service;

/** Client of `coordinatorService`. */
export const CoordinatorServiceClient: ClientConstructor<CoordinatorClient> =
  loaded.unanimous.v1.Coordinator;

/** Client of `adminService`. */
export const AdminServiceClient: ClientConstructor<AdminClient> = loaded.unanimous.v1.Admin;

// Handlers, requests and replies of the two services; views are what operators are shown.
export type { AdminClient, AdminHandlers } from './generated/unanimous/v1/Admin.js';
export type {
  CoordinatorClient,
  CoordinatorHandlers,
} from './generated/unanimous/v1/Coordinator.js';
export type {
  AbortRequest,
  BeginReply,
  BeginRequest,
  Branch as BranchView,
  CommitRequest,
  EnlistReply,
  EnlistRequest,
  GetRequest,
  ListReply,
  ListRequest,
  Peer as PeerView,
  Resolution,
  ResolveRequest,
  ShowRequest,
  StatusReply,
  StatusRequest,
  Transaction as TransactionView,
} from './generated/messages.js';

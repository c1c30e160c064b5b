import { fileURLToPath } from 'node:url';
import {
  type Client,
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  type Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

// What anybody gets who has the .proto files and nothing else of ours.

const protoDir = fileURLToPath(new URL('../../../proto/', import.meta.url));
const files = ['session', 'coordinator', 'admin'].map((name) => `unanimous/v1/${name}.proto`);
const options = { longs: Number, enums: String, defaults: true, includeDirs: [protoDir] };
const loaded = loadPackageDefinition(loadSync(files, options)) as unknown as {
  unanimous: { v1: Record<'Coordinator' | 'Admin', ServiceClientConstructor> };
};

/** Constructors of the two clients. */
export const contract = loaded.unanimous.v1;

/** A message as it arrives. */
// oxlint-disable-next-line typescript/no-explicit-any -- the contract alone gives no types
export type Wire = any;

/** Answers without TLS. */
export const plain = credentials.createInsecure();

type Method = (
  request: object,
  metadata: Metadata,
  callback: (error: ServiceError | null, reply: Wire) => void,
) => ClientUnaryCall;

/** Calls a unary method; `started` is handed the call, say to cancel it. */
export function call(
  client: Client,
  method: string,
  request: object,
  metadata: Metadata,
  started: (call: ClientUnaryCall) => void = () => {},
): Promise<Wire> {
  const act = (client as unknown as Record<string, Method>)[method];
  return new Promise((resolve, reject) => {
    if (!act) throw new Error(`the contract has no method ${method}`);
    started(
      act.call(client, request, metadata, (error, reply) => {
        if (error) reject(error);
        else resolve(reply);
      }),
    );
  });
}

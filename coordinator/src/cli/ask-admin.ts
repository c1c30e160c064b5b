import { type CallOptions, type ChannelCredentials, credentials, Metadata } from '@grpc/grpc-js';
import type { requestCallback } from '@grpc/grpc-js';
import { type AdminClient, AdminServiceClient, fromServiceError } from '@unanimous/proto';
import { metadataKeys, protocolVersion, UnanimousError } from '@unanimous/proto';
import { readPem } from './read-pem.ts';

/** Which coordinator a command asks, and how. */
export interface ConnectionFlags {
  readonly address: string;
  readonly ca?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** How long a command waits for its answer, in milliseconds. */
const answerMs = 10_000;

/**
 * Asks the coordinator one thing.
 * @throws UnanimousError what the coordinator answered, or `unreachable`.
 */
export async function askAdmin<Reply>(
  flags: ConnectionFlags,
  ask: (
    client: AdminClient,
    metadata: Metadata,
    options: CallOptions,
    done: requestCallback<Reply>,
  ) => void,
): Promise<Reply> {
  const metadata = new Metadata();
  metadata.set(metadataKeys.protocol, String(protocolVersion));
  const client = new AdminServiceClient(flags.address, credentialsOf(flags), {
    // A proxy for the web is none for a coordinator.
    'grpc.enable_http_proxy': 0,
  });
  try {
    return await new Promise<Reply>((resolve, reject) => {
      ask(client, metadata, { deadline: Date.now() + answerMs }, (error, reply) => {
        if (error) reject(fromServiceError(error));
        else if (reply) resolve(reply);
      });
    });
  } finally {
    client.close();
  }
}

function credentialsOf({ ca, tlsCert, tlsKey }: ConnectionFlags): ChannelCredentials {
  if (!ca && !tlsCert && !tlsKey) return credentials.createInsecure();
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UnanimousError('invalid-argument', '--tls-cert and --tls-key go together');
  }
  const root = ca ? readPem('--ca', ca) : null;
  const cert = tlsCert ? readPem('--tls-cert', tlsCert) : null;
  const key = tlsKey ? readPem('--tls-key', tlsKey) : null;
  try {
    return credentials.createSsl(root, key, cert);
  } catch (cause) {
    throw new UnanimousError('invalid-argument', `tls: ${(cause as Error).message}`, { cause });
  }
}

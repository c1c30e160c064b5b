import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials, Metadata } from '@grpc/grpc-js';
import {
  type CoordinatorFrame,
  CoordinatorServiceClient,
  failpoint,
  fromServiceError,
  metadataKeys,
  type PeerFrame,
  protocolVersion,
  takeInTurns,
  UnanimousError,
} from '@unanimous/proto';
import type { Connection, ConnectionListener, Transport } from './transport.ts';

/** TLS of the connection to the coordinator. Paths of PEM files, or their contents. */
export interface TlsOptions {
  /** Who signed the coordinator's certificate; the system's authorities unless told. */
  readonly ca?: string | Buffer;
  /** Our certificate, for mutual TLS. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Name in the coordinator's certificate, where it differs from the address. */
  readonly serverName?: string;
}

/** Largest frame that is taken. The coordinator's own are below 1 MiB. */
const maxMessageBytes = 4 * 1_024 * 1_024;

/** How long an ended connection may take to end at the other side, too. */
const lingerMs = 1_000;

/** Connections over gRPC; each has a channel of its own, so that its back-off is ours alone. */
export function grpcTransport(address: string, tls: TlsOptions | undefined): Transport {
  const channelCredentials = makeCredentials(tls);
  const options = {
    // Together 5 s: the longest time in which a connection that is dead without a word is noticed.
    'grpc.keepalive_time_ms': 3_000,
    'grpc.keepalive_timeout_ms': 2_000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    ...(tls?.serverName && { 'grpc.ssl_target_name_override': tls.serverName }),
  };
  return {
    address,
    connect: (listener) => {
      const client = new CoordinatorServiceClient(address, channelCredentials, options);
      return openStream(client, listener);
    },
    close: () => Promise.resolve(),
  };
}

type Client = InstanceType<typeof CoordinatorServiceClient>;

function openStream(client: Client, listener: ConnectionListener): Connection {
  const metadata = new Metadata();
  metadata.set(metadataKeys.protocol, String(protocolVersion));
  const call = client.session(metadata);
  let isOver = false;
  let isEnding = false;
  const over = (error?: Error): void => {
    if (isOver) return;
    isOver = true;
    client.close();
    listener.closed(error);
  };
  const takeRest = takeInTurns(call, (frame: CoordinatorFrame) => {
    if (!isOver) listener.frame(frame);
  });
  call.on('drain', () => {
    if (!isOver) listener.drained();
  });
  call.on('error', (error) => {
    takeRest(); // a coordinator that stops says first what it still knows
    over(fromServiceError(error));
  });
  call.on('end', () => over());
  return {
    write: (frame) => isOver || isEnding || call.write(frame, () => hasLeft(frame)),
    close: () => {
      if (isOver || isEnding) return;
      isEnding = true;
      call.end();
      setTimeout(() => !isOver && call.cancel(), lingerMs).unref();
    },
  };
}

/** Behind the write: of a frame that still waits in this process a kill would leave nothing. */
function hasLeft({ votes, acknowledgements, commits, wholes }: PeerFrame): void {
  if (votes.length > 0) failpoint('p.vote.sent');
  if (acknowledgements[0]) failpoint('p.ack.sent', acknowledgements[0].rm);
  if (commits.length > 0) failpoint('k.commit.sent');
  if (wholes.length > 0) failpoint('k.whole.sent');
}

function makeCredentials(tls: TlsOptions | undefined): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  try {
    const [ca, key, cert] = [tls.ca, tls.key, tls.cert].map(readPem);
    return credentials.createSsl(ca ?? null, key ?? null, cert ?? null);
  } catch (cause) {
    const message = `tls: ${(cause as Error).message}`;
    const hint = 'Give PEM texts, or paths of PEM files; cert and key only together.';
    throw new UnanimousError('invalid-argument', message, { hint, cause });
  }
}

function readPem(source: string | Buffer | undefined): Buffer | undefined {
  if (source === undefined || Buffer.isBuffer(source)) return source;
  return source.includes('-----BEGIN') ? Buffer.from(source) : readFileSync(source);
}

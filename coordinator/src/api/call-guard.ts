import { type Metadata, type ServerInterceptor, ServerInterceptingCall } from '@grpc/grpc-js';
import { metadataKeys, protocolMax, protocolMin } from '@unanimous/proto';
import { toServiceError, UnanimousError } from '@unanimous/proto';

/** Most metadata of one call, in bytes. Node alone stops at 64 KiB. */
const maxMetadataBytes = 8_192;

/** What HTTP/2 counts for a header besides its name and value, in bytes. */
const headerOverheadBytes = 32;

/**
 * Refuses a call before its handler sees it: when its metadata is too large, or when it speaks a
 * protocol that we do not. A call that names no protocol is taken as one of ours.
 */
export const guardCall: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMetadata(metadata, proceed) {
          const refusal = refusalOf(metadata);
          if (refusal) call.sendStatus(toServiceError(refusal));
          else proceed(metadata);
        },
      }),
  });

function refusalOf(metadata: Metadata): UnanimousError | undefined {
  const bytes = sizeOf(metadata);
  if (bytes > maxMetadataBytes) {
    const message = `metadata: ${bytes} bytes; the limit is ${maxMetadataBytes}`;
    return new UnanimousError('payload-too-large', message, { hint: 'Send less metadata.' });
  }
  for (const spoken of metadata.get(metadataKeys.protocol)) {
    const protocol = Number(spoken);
    if (protocol >= protocolMin && protocol <= protocolMax) continue;
    const ours = `the coordinator speaks ${protocolMin} to ${protocolMax}`;
    const message = `the call speaks protocol ${String(spoken).slice(0, 20)}, ${ours}`;
    return new UnanimousError('unsupported-protocol', message);
  }
  return undefined;
}

function sizeOf(metadata: Metadata): number {
  let bytes = 0;
  for (const [key, values] of Object.entries(metadata.toJSON())) {
    for (const value of values) bytes += headerOverheadBytes + key.length + value.length;
  }
  return bytes;
}

import { constants, type ServerHttp2Stream } from 'node:http2';

/**
 * Ends the HTTP/2 stream of a call at once and frees what waits on it. grpc-js alone ends a call only
 * when everything written before was read, so a peer that does not read would keep its buffers for as
 * long as its connection lives. grpc-js does not show the stream; should it be stored elsewhere in
 * another version, nothing happens here and the test of slow readers fails.
 */
export function resetStream(call: object): void {
  let inner: unknown = call;
  while (isObject(inner)) {
    if (isHttp2Stream(inner.stream)) {
      inner.stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    inner = inner.call ?? inner.nextCall;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isHttp2Stream(value: unknown): value is ServerHttp2Stream {
  return isObject(value) && typeof value.close === 'function' && 'rstCode' in value;
}

// Propagation over gRPC: a call made inside a transaction carries it to the service that is called.
import {
  type handleUnaryCall,
  InterceptingCall,
  type Interceptor,
  type Listener,
  Metadata,
  type Requester,
  type Responder,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerUnaryCall,
  status as Status,
} from '@grpc/grpc-js';
import { metadataKeys, toServiceError, UnanimousError } from '@unanimous/proto';
import { type JoinedScope, type Joiner, packBaggage } from './propagation/join.ts';

/**
 * For clients of your services: `new OrdersClient(address, credentials, { interceptors:
 * [clientInterceptor()] })`. A unary call inside a transaction takes it along; one that is not
 * awaited fails the commit. Outside of a transaction it changes nothing.
 *
 * The call itself throws, at once: `work-after-end`, and `invalid-argument` for a streaming method
 * inside a transaction.
 */
export function clientInterceptor(): Interceptor {
  return (options, nextCall) => {
    const baggage = packBaggage();
    if (!baggage) return new InterceptingCall(nextCall(options));
    const { path, requestStream, responseStream } = options.method_definition;
    if (requestStream || responseStream) {
      baggage.answered();
      throw streamingError(path, baggage.gid);
    }
    const requester: Requester = {
      start: (metadata, _listener, next) => {
        metadata.set(metadataKeys.gid, baggage.gid);
        metadata.set(metadataKeys.remainingMs, String(baggage.remainingMs));
        const counting: Listener = {
          onReceiveStatus: (status, goOn) => {
            baggage.answered();
            goOn(status);
          },
        };
        next(metadata, counting);
      },
    };
    return new InterceptingCall(nextCall(options), requester);
  };
}

/**
 * For servers: `new Server({ interceptors: [serverInterceptor(tm)] })`. The handler of a call that
 * carries a transaction works in it. Its part can be committed only after an OK that left nothing
 * unfinished: an error, a caller that goes away, or an answer before its writes were awaited
 * (`answered-before-enlisted`) aborts the transaction. Streaming calls cannot take part.
 */
export function serverInterceptor(tm: Joiner): ServerInterceptor {
  return (method, call) => {
    let joined: JoinedScope | undefined;
    const end = (error: unknown): void => {
      const { code, details, metadata } = toServiceError(error);
      call.sendStatus({ code, details, metadata });
    };
    const responder: Responder = {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, goOn) => {
            try {
              joined = joinCall(tm, method, metadata);
            } catch (error) {
              end(error);
              return;
            }
            goOn(metadata);
          },
          onReceiveMessage: (message, goOn) => inScope(joined, () => goOn(message)),
          onReceiveHalfClose: (goOn) => inScope(joined, goOn),
          onCancel: () => void joined?.fail(callerGone()),
        });
      },
      sendMessage: (message, next) => {
        const problem = joined?.answer();
        if (problem) end(problem);
        else next(message);
      },
      sendStatus: (status, next) => {
        const failed = status.code !== Status.OK;
        const error = failed ? joined?.fail(new HandlerError(status.code)) : joined?.answer();
        if (error && failed) next({ ...status, metadata: withTrailers(status.metadata, error) });
        else if (error) end(error);
        else next(status);
      },
    };
    return new ServerInterceptingCall(call, responder);
  };
}

/**
 * Makes a handler of grpc-js from an async function: resolves to the reply, throws to the status.
 * Errors of Unanimous reach the caller whole.
 */
export function unaryHandler<Request, Reply>(
  handle: (call: ServerUnaryCall<Request, Reply>) => Promise<Reply>,
): handleUnaryCall<Request, Reply> {
  // oxlint-disable-next-line typescript/no-misused-promises -- it never rejects
  return async (call, callback) => {
    let reply: Reply;
    try {
      reply = await handle(call);
    } catch (error) {
      callback(error instanceof UnanimousError ? toServiceError(error) : (error as Error));
      return;
    }
    callback(null, reply);
  };
}

function callerGone(): UnanimousError {
  const hint = 'Await the call, and give it time enough, before the commit.';
  return new UnanimousError('cancelled', 'the caller went away before the answer', { hint });
}

/** Its name is all that the log shows of a handler's error. */
class HandlerError extends Error {
  constructor(code: number | undefined) {
    super('the handler failed');
    this.name = `status ${code === undefined ? 'unknown' : (Status[code] ?? code)}`;
  }
}

interface Method {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

function joinCall(tm: Joiner, method: Method, metadata: Metadata): JoinedScope | undefined {
  const [gid] = metadata.get(metadataKeys.gid);
  if (gid === undefined) return undefined;
  if (method.requestStream || method.responseStream) {
    throw streamingError(method.path, String(gid));
  }
  const [remaining] = metadata.get(metadataKeys.remainingMs);
  return tm.join(String(gid), remaining === undefined ? undefined : Number(remaining));
}

function inScope(joined: JoinedScope | undefined, goOn: () => void): void {
  if (joined) joined.run(goOn);
  else goOn();
}

/** The handler's own status, with why the transaction aborts, so that a caller may try again. */
function withTrailers(metadata: Metadata | null | undefined, error: UnanimousError): Metadata {
  const merged = metadata?.clone() ?? new Metadata();
  if (merged.get(metadataKeys.code).length === 0) merged.merge(toServiceError(error).metadata);
  return merged;
}

function streamingError(path: string, gid: string): UnanimousError {
  const message = `${path}: a streaming call cannot take part in a transaction`;
  const hint = 'Use a unary method, or make the call outside of the transaction.';
  return new UnanimousError('invalid-argument', message, { gid, hint });
}

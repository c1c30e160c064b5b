import type { handleUnaryCall, ServiceError } from '@grpc/grpc-js';
import { toServiceError, UnanimousError } from '@unanimous/proto';
import { type Logger, logEvents } from '../log-events.ts';

/**
 * The methods of a service and nothing else. The generated handler types take any further name, so a
 * misspelt handler would pass for one; here it does not compile.
 */
export type MethodsOf<Handlers> = {
  [Name in keyof Handlers as string extends Name ? never : Name]: Handlers[Name];
};

/**
 * A unary method that answers with what `act` returns. What it throws becomes a status with our
 * trailers.
 */
export function answering<Request, Reply>(
  logger: Logger,
  act: (request: Request) => Reply | Promise<Reply>,
): handleUnaryCall<Request, Reply> {
  return (call, callback) => {
    const answer = async () => {
      let reply: Reply;
      try {
        reply = await act(call.request);
      } catch (error) {
        return callback(refusal(logger, error));
      }
      callback(null, reply);
    };
    void answer();
  };
}

/**
 * A unary method whose answer comes later. `act` returns what ends the wait; it is called when the
 * call is over, so a client that has gone leaves nobody waiting.
 */
export function waiting<Request, Reply>(
  logger: Logger,
  act: (request: Request, answer: (reply: Reply) => void) => () => void,
): handleUnaryCall<Request, Reply> {
  return (call, callback) => {
    try {
      const endWait = act(call.request, (reply) => callback(null, reply));
      call.on('cancelled', endWait);
    } catch (error) {
      callback(refusal(logger, error));
    }
  };
}

function refusal(logger: Logger, error: unknown): ServiceError {
  logDefect(logger, error);
  return toServiceError(error);
}

/** Logs an error that no client caused, with its stack: somebody has to mend it. */
export function logDefect(logger: Logger, error: unknown): void {
  const { code, message, cause } = UnanimousError.from(error);
  if (code !== 'internal') return;
  const { stack } = cause instanceof Error ? cause : UnanimousError.from(error);
  logger.error({ event: logEvents.requestFailed, code, reason: message, stack });
}

import type { ServiceError } from '@grpc/grpc-js';
import { fromServiceError } from '@unanimous/proto';

/** Makes a promise of a unary call. What a coordinator refuses comes out as its error. */
export function replyOf<Reply>(
  start: (done: (error: ServiceError | null, reply?: Reply) => void) => void,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    start((error, reply) => {
      if (error) reject(fromServiceError(error));
      else resolve(reply as Reply);
    });
  });
}

import { fromServiceError, type UnanimousError } from '@unanimous/proto';

/**
 * The error with which something fails; for a gRPC call, the one that the service answered.
 * @throws when it does not fail.
 */
export async function failureOf(what: Promise<unknown>): Promise<UnanimousError> {
  let value: unknown;
  try {
    value = await what;
  } catch (error) {
    return fromServiceError(error);
  }
  throw new Error(`did not fail, but gave ${JSON.stringify(value)}`);
}

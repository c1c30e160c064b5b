import { UnanimousError } from '@unanimous/proto';

/** What the brokers or the driver said, as one of our errors. */
export function kafkaError(rm: string, what: string, cause: unknown): UnanimousError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const message = `Kafka, ${what}: ${text}`;
  if (/does not host this topic|unknown topic/i.test(text)) {
    const hint = 'Create the topic, or look at its partitions.';
    return new UnanimousError('unroutable', message, { rm, cause, hint });
  }
  const isForbidden = /authoriz|authenticat|SASL/i.test(text);
  return new UnanimousError('rm-unavailable', message, {
    rm,
    cause,
    hint: isForbidden ? 'Check the user and its rights (ACL).' : 'Are the brokers running?',
    retryable: !isForbidden,
  });
}

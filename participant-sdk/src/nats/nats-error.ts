import { UnanimousError } from '@unanimous/proto';

/** What the server or the driver said, as one of our errors. */
export function natsError(rm: string, what: string, cause: unknown): UnanimousError {
  const name = cause instanceof Error ? cause.name : '';
  const text = cause instanceof Error ? cause.message : String(cause);
  // The server has nobody who takes the message: the driver reads this as "JetStream is off".
  const isUnroutable = name === 'JetStreamNotEnabled' || /no responders|no stream/.test(text);
  if (isUnroutable) {
    const hint = 'Add a stream that has this subject.';
    return new UnanimousError('unroutable', `${what}: no stream takes it`, { rm, cause, hint });
  }
  const isForbidden = /Authorization|PermissionViolation/.test(name);
  return new UnanimousError('rm-unavailable', `NATS, ${what}: ${text}`, {
    rm,
    cause,
    hint: isForbidden ? 'Check the rights of this user.' : 'Is NATS running? Look at its log.',
    retryable: !isForbidden,
  });
}

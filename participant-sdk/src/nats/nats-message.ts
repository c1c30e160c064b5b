import { UnanimousError } from '@unanimous/proto';
import { effectText } from '../logged/effect-text.ts';

/** What may be said of a message beside its content. */
export interface NatsPublishOptions {
  /** For the reader; `unanimous-gid` and `unanimous-position` are added. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is done after the decision, as it stands in the redo payload. */
export type NatsEffect = NatsMessage | NatsAcknowledgement;

export interface NatsMessage extends NatsPublishOptions {
  readonly subject: string;
  /** JSON text, or bytes in base64 when `isBase64` is set. */
  readonly content: string;
  readonly isBase64?: true;
}

export interface NatsAcknowledgement {
  /** The subject on which the server hears of a delivery. */
  readonly acknowledges: string;
}

/**
 * Makes a message, and refuses what the server or the driver would refuse after the decision.
 * @throws UnanimousError `invalid-argument` naming the field.
 */
export function natsMessage(
  subject: string,
  content: unknown,
  { headers = {} }: NatsPublishOptions,
): NatsMessage {
  // A subject that one can publish to: tokens without wildcards, spaces or control characters.
  if (typeof subject !== 'string' || !/^[^\s.*>]+(\.[^\s.*>]+)*$/u.test(subject)) {
    throw invalid('subject', `${JSON.stringify(subject)} is not a subject to publish to`);
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[\w-]+$/.test(name)) throw invalid(`headers.${name}`, 'is not a header’s name');
    if (/^nats-/i.test(name)) throw invalid(`headers.${name}`, 'belongs to NATS');
    if (typeof value !== 'string' || /[\r\n]/.test(value)) {
      throw invalid(`headers.${name}`, 'is not a text of one line');
    }
  }
  if (content instanceof Uint8Array) {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    return { subject, content: bytes.toString('base64'), isBase64: true, headers };
  }
  return { subject, content: effectText(content, { name: 'content', allowToJson: true }), headers };
}

/**
 * Makes the acknowledgement of a message that a consumer received.
 * @throws UnanimousError `invalid-argument` when it did not come from a consumer.
 */
export function natsAcknowledgement(message: object): NatsAcknowledgement {
  const reply = 'reply' in message ? String(message.reply) : '';
  if (reply.startsWith('$JS.ACK.')) return { acknowledges: reply };
  throw invalid('message', 'did not come from a JetStream consumer that wants acknowledgements');
}

/** The bytes of a message. */
export function contentOf({ content, isBase64 }: NatsMessage): Uint8Array {
  return Buffer.from(content, isBase64 ? 'base64' : 'utf8');
}

function invalid(field: string, what: string): UnanimousError {
  return new UnanimousError('invalid-argument', `${field} ${what}`);
}

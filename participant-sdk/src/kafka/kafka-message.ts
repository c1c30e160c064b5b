import { UnanimousError } from '@unanimous/proto';
import { effectText } from '../logged/effect-text.ts';

/** What may be said of a message beside its content. */
export interface KafkaPublishOptions {
  /** Messages with one key go to one partition. */
  readonly key?: string;
  /** Overrides the choice by key. */
  readonly partition?: number;
  /** For the reader; `unanimous-id`, `unanimous-gid` and `unanimous-position` are added. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A message as it stands in the redo payload. */
export interface KafkaMessage extends KafkaPublishOptions {
  readonly topic: string;
  /** JSON text, or bytes in base64 when `isBase64` is set. */
  readonly content: string;
  readonly isBase64?: true;
}

/**
 * Makes a message, and refuses what the brokers or the driver would refuse after the decision.
 * @throws UnanimousError `invalid-argument` naming the field.
 */
export function kafkaMessage(
  topic: string,
  content: unknown,
  options: KafkaPublishOptions,
): KafkaMessage {
  if (typeof topic !== 'string' || !/^[\w.-]{1,249}$/.test(topic) || /^\.{1,2}$/.test(topic)) {
    throw invalid('topic', `${JSON.stringify(topic)} is not the name of a topic`);
  }
  checkOptions(options);
  if (content instanceof Uint8Array) {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    return { ...options, topic, content: bytes.toString('base64'), isBase64: true };
  }
  return {
    ...options,
    topic,
    content: effectText(content, { name: 'content', allowToJson: true }),
  };
}

/** The bytes of a message. */
export function contentOf({ content, isBase64 }: KafkaMessage): Buffer {
  return Buffer.from(content, isBase64 ? 'base64' : 'utf8');
}

function checkOptions({ key, partition = 0, headers = {} }: KafkaPublishOptions): void {
  if (key !== undefined && typeof key !== 'string') throw invalid('key', 'is not a text');
  if (!Number.isInteger(partition) || partition < 0) {
    throw invalid('partition', 'is not the number of one');
  }
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('unanimous-')) throw invalid(`headers.${name}`, 'is one of ours');
    if (typeof value !== 'string') throw invalid(`headers.${name}`, 'is not a text');
  }
}

function invalid(field: string, what: string): UnanimousError {
  return new UnanimousError('invalid-argument', `${field} ${what}`);
}

import { UnanimousError } from '@unanimous/proto';
import { effectText } from '../logged/effect-text.ts';

/** Fields of our own in each entry. */
const reserved = new Set(['id', 'gid', 'position', 'content']);

/** What may be said of a message beside its content. */
export interface StreamPublishOptions {
  /** Fields beside ours: `id`, `gid`, `position`, `content`. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** A message, or the acknowledgement of one that was read, as it stands in the redo payload. */
export type StreamEffect = StreamMessage | StreamAcknowledgement;

export interface StreamMessage {
  readonly stream: string;
  /** JSON text. */
  readonly content: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface StreamAcknowledgement {
  readonly stream: string;
  readonly group: string;
  readonly entry: string;
}

/**
 * Makes a message.
 * @throws UnanimousError `invalid-argument` naming the field.
 */
export function streamMessage(
  stream: string,
  content: unknown,
  { fields = {} }: StreamPublishOptions,
): StreamMessage {
  checkName('stream', stream);
  for (const [name, value] of Object.entries(fields)) {
    if (reserved.has(name)) throw invalid(`fields.${name}`, 'is a field of ours');
    if (typeof value !== 'string') throw invalid(`fields.${name}`, 'is not a text');
  }
  return { stream, content: effectText(content, { name: 'content', allowToJson: true }), fields };
}

/**
 * Makes an acknowledgement.
 * @throws UnanimousError `invalid-argument` naming the field.
 */
export function streamAcknowledgement(
  stream: string,
  group: string,
  entry: string,
): StreamAcknowledgement {
  checkName('stream', stream);
  checkName('group', group);
  if (!/^\d+-\d+$/.test(entry)) throw invalid('entry', `${JSON.stringify(entry)} is no entry's id`);
  return { stream, group, entry };
}

function checkName(field: string, name: unknown): void {
  if (typeof name !== 'string' || name === '') throw invalid(field, 'names nothing');
}

function invalid(field: string, what: string): UnanimousError {
  return new UnanimousError('invalid-argument', `${field}: ${what}`);
}

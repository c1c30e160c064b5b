import { UnanimousError } from '@unanimous/proto';
import { effectText } from '../logged/effect-text.ts';

/**
 * Where a message goes: a queue by its name, or an exchange with a routing key. A text is a routing
 * key on the resource's `exchange`; without one, on the default exchange, that is a queue's name.
 */
export type RabbitTarget =
  | string
  | { readonly queue: string }
  | { readonly exchange: string; readonly routingKey: string };

/** Properties of a message. `messageId`, persistence and our headers are set by the resource. */
export interface RabbitPublishOptions {
  /** For the reader; `unanimous-gid` and `unanimous-position` are added. */
  readonly headers?: Readonly<Record<string, string | number | boolean>>;
  /** `application/json` unless told, or for bytes `application/octet-stream`. */
  readonly contentType?: string;
  readonly type?: string;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly priority?: number;
  /** The broker drops the message when nobody took it for so long. */
  readonly expirationMs?: number;
}

/** A message as it stands in the redo payload. */
export interface RabbitMessage extends RabbitPublishOptions {
  readonly exchange: string;
  readonly routingKey: string;
  /** JSON text, or bytes in base64 when `isBase64` is set. */
  readonly content: string;
  readonly isBase64?: true;
  readonly contentType: string;
}

/**
 * Makes a message, and refuses what the broker or the driver would refuse after the decision.
 * @throws UnanimousError `invalid-argument` naming the field.
 */
export function rabbitMessage(
  target: RabbitTarget,
  content: unknown,
  options: RabbitPublishOptions,
  defaultExchange: string,
): RabbitMessage {
  const { exchange, routingKey } = addressOf(target, defaultExchange);
  checkShort('exchange', exchange);
  checkShort('routingKey', routingKey);
  if (exchange === '' && routingKey === '') throw invalid('target', 'names no queue');
  checkOptions(options);
  if (content instanceof Uint8Array) {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    const contentType = 'application/octet-stream';
    const text = bytes.toString('base64');
    return { contentType, ...options, exchange, routingKey, content: text, isBase64: true };
  }
  const text = effectText(content, { name: 'content', allowToJson: true });
  return { contentType: 'application/json', ...options, exchange, routingKey, content: text };
}

/** The bytes of a message. */
export function contentOf({ content, isBase64 }: RabbitMessage): Buffer {
  return Buffer.from(content, isBase64 ? 'base64' : 'utf8');
}

/** Where a message goes, for people. */
export function targetName({ exchange, routingKey }: RabbitMessage): string {
  return exchange === ''
    ? `queue ${JSON.stringify(routingKey)}`
    : `exchange ${JSON.stringify(exchange)} with routing key ${JSON.stringify(routingKey)}`;
}

function addressOf(target: RabbitTarget, defaultExchange: string) {
  if (typeof target === 'string') return { exchange: defaultExchange, routingKey: target };
  if ('queue' in target) return { exchange: '', routingKey: target.queue };
  return target;
}

function checkOptions(options: RabbitPublishOptions): void {
  const { headers = {}, priority = 0, expirationMs = 0 } = options;
  for (const name of ['contentType', 'type', 'correlationId', 'replyTo'] as const) {
    if (options[name] !== undefined) checkShort(name, options[name]);
  }
  for (const [name, value] of Object.entries(headers)) {
    checkShort('headers', name);
    const isScalar = ['string', 'boolean'].includes(typeof value) || Number.isFinite(value);
    if (!isScalar) throw invalid(`headers.${name}`, 'is not a text, number or boolean');
  }
  if (!isWhole(priority, 255)) throw invalid('priority', 'is not a whole number up to 255');
  if (!isWhole(expirationMs, 2 ** 32 - 1)) throw invalid('expirationMs', 'is not a duration');
}

function isWhole(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

/** AMQP's short strings. */
function checkShort(name: string, value: unknown): void {
  if (typeof value !== 'string') throw invalid(name, 'is not a text');
  if (Buffer.byteLength(value) > 255) throw invalid(name, 'is longer than 255 bytes');
}

function invalid(field: string, what: string): UnanimousError {
  return new UnanimousError('invalid-argument', `${field} ${what}`);
}

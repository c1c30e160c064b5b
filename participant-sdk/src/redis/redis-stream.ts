import { UnanimousError } from '@unanimous/proto';
import type { EffectPlace, PlacedEffect } from '../logged/effect.ts';
import { type ApplyTry, type LoggedOptions, LoggedResource } from '../logged/logged-resource.ts';
import type { Resource, RmIdentity } from '../resource.ts';
import type { RedisClient } from './redis-client.ts';
import { RedisServer } from './redis-server.ts';
import {
  streamAcknowledgement,
  type StreamEffect,
  streamMessage,
  type StreamMessage,
  type StreamPublishOptions,
} from './stream-message.ts';
import { addScript, idsKey } from './stream-script.ts';
import { wholeNumber } from './whole-number.ts';

/** Settings of Redis Streams. */
export interface RedisStreamsOptions extends LoggedOptions {
  /** A connected client of ioredis or node-redis. It stays yours to close. */
  readonly client: RedisClient;
  /** What the name stands for: another server under the same name is not noticed without it. */
  readonly identity?: string;
  /** About how many entries a stream keeps; all unless told. */
  readonly maxLength?: number;
  /**
   * `fsync`, unless told: refuses a server that may lose what it confirmed (it needs
   * `appendonly yes`, `appendfsync always`). `memory`: takes any, and a crash of it loses messages.
   */
  readonly durability?: 'fsync' | 'memory';
  /** How long Redis may take to say that it takes writes; 2,000 unless told. */
  readonly checkTimeoutMs?: number;
}

/** Redis Streams that take part in transactions. */
export interface RedisStreams extends Resource {
  /**
   * Adds to a stream within the current transaction: after the commit decision, once.
   * @throws UnanimousError `no-transaction` outside of one, `invalid-argument`, `payload-too-large`,
   * and those of enlisting.
   */
  publish(stream: string, content: unknown, options?: StreamPublishOptions): Promise<void>;
  /**
   * Acknowledges an entry that a consumer group read, within the current transaction: what the entry
   * causes and its acknowledgement happen both or not at all. Throws as `publish`.
   */
  acknowledge(stream: string, group: string, entry: string): Promise<void>;
}

/** Makes a resource of a Redis server's streams. It is logged. See docs/redis.md. */
export function redisStreams(options: RedisStreamsOptions): RedisStreams {
  return new RedisStreamsResource(options);
}

class RedisStreamsResource extends LoggedResource<StreamEffect> implements RedisStreams {
  readonly #server: RedisServer;
  readonly #options: RedisStreamsOptions;
  readonly #maxLength: string;

  constructor(options: RedisStreamsOptions) {
    super(options);
    this.#options = options;
    this.#server = new RedisServer(options);
    const { maxLength } = options;
    this.#maxLength = maxLength === undefined ? '' : String(wholeNumber('maxLength', maxLength, 1));
  }

  async publish(
    stream: string,
    content: unknown,
    options: StreamPublishOptions = {},
  ): Promise<void> {
    await this.stage(JSON.stringify(streamMessage(stream, content, options)));
  }

  async acknowledge(stream: string, group: string, entry: string): Promise<void> {
    await this.stage(JSON.stringify(streamAcknowledgement(stream, group, entry)));
  }

  protected async connect(): Promise<RmIdentity> {
    await this.#server.checkVersion();
    if (this.#options.durability !== 'memory') await this.#server.checkDurability();
    return { identity: this.#options.identity ?? 'redis-streams', incarnation: '1' };
  }

  protected async checkEffects(effects: readonly StreamEffect[]): Promise<void> {
    await this.#server.probe('unanimous:probe', this.#options.checkTimeoutMs ?? 2_000);
    const streams = [...new Set(effects.map(({ stream }) => stream))];
    await Promise.all(streams.map((stream) => this.#checkStream(stream)));
  }

  protected async applyEffects(
    effects: readonly PlacedEffect<StreamEffect>[],
    { settle }: ApplyTry,
  ): Promise<void> {
    for (const { effect, place } of effects) {
      if ('group' in effect) {
        await this.#server.send('XACK', effect.stream, effect.group, effect.entry);
      } else {
        await this.#add(effect, place);
      }
      settle(place.index, { is: 'applied' });
    }
  }

  async #add(message: StreamMessage, { id, gid, epoch, seq, index, lowWaterSeq }: EffectPlace) {
    const position = `${epoch}.${seq}.${index}`;
    const fields = { id, gid, position, content: message.content, ...message.fields };
    const { stream } = message;
    const placing = [id, String(seq), String(lowWaterSeq), this.#maxLength];
    const args = [...placing, ...Object.entries(fields).flat()];
    await this.#server.run(addScript, [stream, idsKey(stream, gid)], args);
  }

  async #checkStream(stream: string): Promise<void> {
    const type = String(await this.#server.send('TYPE', stream));
    if (type === 'none' || type === 'stream') return;
    const message = `${JSON.stringify(stream)} is a ${type}, not a stream`;
    throw new UnanimousError('unroutable', message, {
      rm: this.rm,
      hint: 'Use another name, or remove the key.',
    });
  }
}

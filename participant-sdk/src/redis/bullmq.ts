import { UnanimousError } from '@unanimous/proto';
import type { PlacedEffect } from '../logged/effect.ts';
import { effectText } from '../logged/effect-text.ts';
import { type ApplyTry, type LoggedOptions, LoggedResource } from '../logged/logged-resource.ts';
import type { Resource, RmIdentity } from '../resource.ts';
import type { IoredisClient } from './redis-client.ts';
import { RedisServer } from './redis-server.ts';

/** What is used of a BullMQ `Queue`. */
export interface BullmqQueue {
  readonly name: string;
  /** The queue's own ioredis client, once it is connected. */
  readonly client: Promise<unknown>;
  add(name: string, data: unknown, options: object): Promise<unknown>;
}

/** Settings of a BullMQ queue as a resource. */
export interface BullmqOptions extends LoggedOptions {
  /** Your `new Queue(…)`. It stays yours to close. */
  readonly queue: BullmqQueue;
  /** As that of streams: `fsync`, unless told, refuses a Redis that may lose what it confirmed. */
  readonly durability?: 'fsync' | 'memory';
  /** How long Redis may take to say that it takes writes; 2,000 unless told. */
  readonly checkTimeoutMs?: number;
  /** What the name stands for; `bullmq:QUEUE` unless told. */
  readonly identity?: string;
}

/** A BullMQ queue that takes part in transactions. */
export interface Bullmq extends Resource {
  /**
   * Adds a job within the current transaction: after the commit decision, at least once, under an id
   * that stays the same. `options` are BullMQ's, but for `jobId`, which is ours.
   * @throws UnanimousError `no-transaction` outside of one, `invalid-argument`, `payload-too-large`,
   * and those of enlisting.
   */
  add(name: string, data: unknown, options?: Readonly<Record<string, unknown>>): Promise<void>;
}

/** Makes a BullMQ queue a resource. It is logged. See docs/redis.md. */
export function bullmq(options: BullmqOptions): Bullmq {
  return new BullmqResource(options);
}

interface Job {
  readonly name: string;
  /** JSON texts. */
  readonly data: string;
  readonly options: string;
}

class BullmqResource extends LoggedResource<Job> implements Bullmq {
  readonly appliesUnasked = true;
  readonly #options: BullmqOptions;

  constructor(options: BullmqOptions) {
    super(options);
    this.#options = options;
  }

  async add(
    name: string,
    data: unknown,
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    if (typeof name !== 'string' || name === '') throw invalid('name: names nothing');
    if ('jobId' in options) throw invalid('options.jobId: the id is ours');
    const job: Job = {
      name,
      data: effectText(data, { name: 'data', allowToJson: true }),
      options: effectText(options, { name: 'options', allowToJson: false }),
    };
    await this.stage(JSON.stringify(job));
  }

  protected async connect(): Promise<RmIdentity> {
    const { queue, durability, identity = `bullmq:${queue.name}` } = this.#options;
    const server = await this.#server();
    await server.checkVersion();
    if (durability !== 'memory') await server.checkDurability();
    return { identity, incarnation: '1' };
  }

  protected async checkEffects(): Promise<void> {
    const server = await this.#server();
    await server.probe('unanimous:probe', this.#options.checkTimeoutMs ?? 2_000);
  }

  protected async applyEffects(
    effects: readonly PlacedEffect<Job>[],
    { settle }: ApplyTry,
  ): Promise<void> {
    for (const { effect, place } of effects) {
      const options = JSON.parse(effect.options) as object;
      // A job with this id that is still in Redis, waiting, done or failed, is left as it is.
      await this.#options.queue
        .add(effect.name, JSON.parse(effect.data), { ...options, jobId: place.id })
        .catch((cause: unknown) => {
          const text = `${place.id} was not added: ${String(cause)}`;
          throw new UnanimousError('rm-unavailable', text, { rm: this.rm, cause });
        });
      settle(place.index, { is: 'applied' });
    }
  }

  async #server(): Promise<RedisServer> {
    const client = (await this.#options.queue.client) as IoredisClient;
    return new RedisServer({ rm: this.rm, client });
  }
}

function invalid(message: string): UnanimousError {
  return new UnanimousError('invalid-argument', message);
}

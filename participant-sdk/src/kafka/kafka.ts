import { UnanimousError } from '@unanimous/proto';
import type { PlacedEffect } from '../logged/effect.ts';
import { type ApplyTry, type LoggedOptions, LoggedResource } from '../logged/logged-resource.ts';
import type { Resource, RmIdentity } from '../resource.ts';
import type { KafkaAdmin, KafkaProducer, KafkaRecord } from './kafka-client.ts';
import { kafkaError } from './kafka-error.ts';
import {
  contentOf,
  type KafkaMessage,
  kafkaMessage,
  type KafkaPublishOptions,
} from './kafka-message.ts';
import { TopicCheck } from './topic-check.ts';

/** Settings of Kafka as a resource. */
export interface KafkaOptions extends LoggedOptions {
  /**
   * A connected producer that waits for all replicas (`acks: -1`) and is not kafkajs' idempotent one,
   * which loses messages. It stays yours to disconnect.
   */
  readonly producer: KafkaProducer;
  /** A connected admin client of the same cluster. It stays yours to disconnect. */
  readonly admin: KafkaAdmin;
  /** How long the brokers may take to say which topics there are; 5,000 unless told. */
  readonly checkTimeoutMs?: number;
  /** What the name stands for; `kafka:CLUSTER` unless told. */
  readonly identity?: string;
}

/** Kafka that takes part in transactions. */
export interface Kafka extends Resource {
  /**
   * Publishes within the current transaction: after the commit decision, at least once, with the
   * header `unanimous-id` that stays the same.
   * @throws UnanimousError `no-transaction` outside of one, `invalid-argument`, `payload-too-large`,
   * and those of enlisting.
   */
  publish(topic: string, content: unknown, options?: KafkaPublishOptions): Promise<void>;
}

/**
 * Makes Kafka a resource. It is logged. See docs/kafka.md.
 * @throws UnanimousError `invalid-argument` for an idempotent producer of kafkajs.
 */
export function kafka(options: KafkaOptions): Kafka {
  refuseIdempotence(options);
  return new KafkaResource(options);
}

class KafkaResource extends LoggedResource<KafkaMessage> implements Kafka {
  readonly appliesUnasked = true;
  readonly #options: KafkaOptions;
  readonly #check: TopicCheck;

  constructor(options: KafkaOptions) {
    super(options);
    this.#options = options;
    const { rm, admin, checkTimeoutMs = 5_000 } = options;
    this.#check = new TopicCheck({ rm, admin, timeoutMs: checkTimeoutMs });
  }

  async publish(topic: string, content: unknown, options: KafkaPublishOptions = {}): Promise<void> {
    await this.stage(JSON.stringify(kafkaMessage(topic, content, options)));
  }

  protected async connect(): Promise<RmIdentity> {
    const { identity, admin } = this.#options;
    await this.#check.check([]);
    const cluster = await admin.describeCluster?.();
    return { identity: identity ?? `kafka:${cluster?.clusterId ?? ''}`, incarnation: '1' };
  }

  protected async checkEffects(messages: readonly KafkaMessage[]): Promise<void> {
    await this.#check.check(new Set(messages.map(({ topic }) => topic)));
  }

  /** Messages of one topic go together, in their order: a batch keeps it within a partition. */
  protected async applyEffects(
    effects: readonly PlacedEffect<KafkaMessage>[],
    { settle }: ApplyTry,
  ): Promise<void> {
    const topics = new Set(effects.map(({ effect }) => effect.topic));
    for (const topic of topics) {
      const ofTopic = effects.filter(({ effect }) => effect.topic === topic);
      try {
        await this.#options.producer.send({ topic, messages: ofTopic.map(recordOf) });
      } catch (error) {
        throw kafkaError(this.rm, `${ofTopic[0]?.place.id} to ${topic}`, error);
      }
      for (const { place } of ofTopic) settle(place.index, { is: 'applied' });
    }
  }
}

/**
 * kafkajs takes a sequence number back when a send fails. Had the broker written it all the same, the
 * next message bears that number, is taken for its repeat, and is confirmed without being written.
 */
function refuseIdempotence({ rm, producer }: KafkaOptions): void {
  if (producer.isIdempotent?.() !== true) return;
  throw new UnanimousError('invalid-argument', `${rm}: producer: is an idempotent one`, {
    rm,
    hint: 'Make it without `idempotent`: kafkajs loses messages with it. Repeats are known by their id.',
  });
}

function recordOf({ effect, place }: PlacedEffect<KafkaMessage>): KafkaRecord {
  const { key, partition, headers } = effect;
  const { id, gid, epoch, seq, index } = place;
  return {
    ...(key !== undefined && { key }),
    ...(partition !== undefined && { partition }),
    value: contentOf(effect),
    headers: {
      ...headers,
      'unanimous-id': id,
      'unanimous-gid': gid,
      'unanimous-position': `${epoch}.${seq}.${index}`,
    },
  };
}

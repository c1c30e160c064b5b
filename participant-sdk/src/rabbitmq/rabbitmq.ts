import type { PlacedEffect } from '../logged/effect.ts';
import { type ApplyTry, type LoggedOptions, LoggedResource } from '../logged/logged-resource.ts';
import type { Resource, RmIdentity } from '../resource.ts';
import type { Amqplib } from './amqplib.ts';
import { Broker } from './broker.ts';
import { brokerAddress } from './broker-address.ts';
import { Publisher } from './publisher.ts';
import {
  rabbitMessage,
  type RabbitMessage,
  type RabbitPublishOptions,
  type RabbitTarget,
} from './rabbit-message.ts';
import { TargetCheck } from './target-check.ts';

/** Settings of a RabbitMQ resource. */
export interface RabbitmqOptions extends LoggedOptions {
  /** The module `amqplib`. */
  readonly amqplib: Amqplib;
  /** `amqp://user:password@host:port/vhost`, or `amqps://…`. */
  readonly url: string;
  /** Where a target that is a mere text goes; the default exchange unless told. */
  readonly exchange?: string;
  /** Given to `amqplib.connect`: TLS certificates and the like. */
  readonly socketOptions?: object;
  /** How long the broker may take to say whether a target exists; 5,000 unless told. */
  readonly checkTimeoutMs?: number;
  /** Overrides `rabbitmq:CLUSTER:VHOST`, where the cluster's name changes with its host. */
  readonly identity?: string;
}

/** A RabbitMQ broker that takes part in transactions. */
export interface Rabbitmq extends Resource {
  /**
   * Publishes within the current transaction. The message is sent after the commit decision, at
   * least once, with a `messageId` that stays the same.
   * @throws UnanimousError `no-transaction` outside of one, `invalid-argument`, `payload-too-large`,
   * and those of enlisting.
   */
  publish(target: RabbitTarget, content: unknown, options?: RabbitPublishOptions): Promise<void>;
}

/**
 * Makes a RabbitMQ resource. It is logged: the messages travel through the coordinator's log, and
 * readers see them shortly after the decision. See docs/rabbitmq.md.
 */
export function rabbitmq(options: RabbitmqOptions): Rabbitmq {
  return new RabbitmqResource(options);
}

class RabbitmqResource extends LoggedResource<RabbitMessage> implements Rabbitmq {
  readonly appliesUnasked = true;
  readonly #broker: Broker;
  readonly #check: TargetCheck;
  readonly #publisher: Publisher;
  readonly #exchange: string;
  readonly #identity: string | undefined;

  constructor(options: RabbitmqOptions) {
    super(options);
    const { rm, amqplib, url, socketOptions = {}, checkTimeoutMs = 5_000 } = options;
    this.#broker = new Broker({ rm, amqplib, address: brokerAddress(url), socketOptions });
    this.#check = new TargetCheck(rm, this.#broker, checkTimeoutMs);
    this.#publisher = new Publisher(rm, this.#broker);
    this.#exchange = options.exchange ?? '';
    this.#identity = options.identity;
  }

  async publish(
    target: RabbitTarget,
    content: unknown,
    options: RabbitPublishOptions = {},
  ): Promise<void> {
    const message = rabbitMessage(target, content, options, this.#exchange);
    await this.stage(JSON.stringify(message));
  }

  protected async connect(): Promise<RmIdentity> {
    const identity = await this.#broker.open();
    return { identity: this.#identity ?? identity, incarnation: '1' }; // nothing is kept in it
  }

  protected checkEffects(effects: readonly RabbitMessage[]): Promise<void> {
    return this.#check.check(effects);
  }

  protected async applyEffects(
    effects: readonly PlacedEffect<RabbitMessage>[],
    { settle }: ApplyTry,
  ): Promise<void> {
    const results = await Promise.allSettled(
      effects.map(async ({ effect, place }) => {
        await this.#publisher.publish(effect, place);
        settle(place.index, { is: 'applied' });
      }),
    );
    const failed = results.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#broker.close();
  }
}

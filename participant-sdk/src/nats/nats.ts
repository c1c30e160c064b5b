import { UnanimousError } from '@unanimous/proto';
import type { EffectPlace, PlacedEffect } from '../logged/effect.ts';
import { type ApplyTry, type LoggedOptions, LoggedResource } from '../logged/logged-resource.ts';
import type { Resource, RmIdentity } from '../resource.ts';
import type { JetStream, NatsConnection, NatsModules } from './nats-client.ts';
import { natsError } from './nats-error.ts';
import {
  contentOf,
  natsAcknowledgement,
  type NatsEffect,
  type NatsMessage,
  natsMessage,
  type NatsPublishOptions,
} from './nats-message.ts';
import { StreamCheck } from './stream-check.ts';

/** Settings of NATS JetStream as a resource. */
export interface NatsOptions<C extends NatsConnection = NatsConnection> extends LoggedOptions {
  /** What `connect` gave. It stays yours to close, and comes back by itself when it breaks. */
  readonly connection: C;
  /** `{ jetstream, headers }` of your NATS packages. */
  readonly nats: NatsModules<C>;
  /** `memory`: takes streams that are kept in memory, too. Unless told they are refused. */
  readonly durability?: 'file' | 'memory';
  /** How long the server may take to say whether a stream takes a subject; 5,000 unless told. */
  readonly checkTimeoutMs?: number;
  /** How long it may take to confirm a message; 5,000 unless told. Then it is sent again. */
  readonly confirmTimeoutMs?: number;
  /** What the name stands for; `nats:CLUSTER` unless told. */
  readonly identity?: string;
}

/** NATS JetStream that takes part in transactions. */
export interface Nats extends Resource {
  /**
   * Publishes within the current transaction: after the commit decision, at least once, under a
   * message id that stays the same.
   * @throws UnanimousError `no-transaction` outside of one, `invalid-argument`, `payload-too-large`,
   * and those of enlisting.
   */
  publish(subject: string, content: unknown, options?: NatsPublishOptions): Promise<void>;
  /**
   * Acknowledges a message that a consumer received, within the current transaction: what it causes
   * and its acknowledgement happen both or not at all. Throws as `publish`.
   */
  acknowledge(message: object): Promise<void>;
}

/** Makes NATS JetStream a resource. It is logged. See docs/nats.md. */
export function nats<C extends NatsConnection>(options: NatsOptions<C>): Nats {
  return new NatsResource(options);
}

class NatsResource<C extends NatsConnection> extends LoggedResource<NatsEffect> implements Nats {
  readonly appliesUnasked = true;
  readonly #options: NatsOptions<C>;
  readonly #check: StreamCheck;
  readonly #confirmTimeoutMs: number;
  #jetstream: JetStream | undefined;

  constructor(options: NatsOptions<C>) {
    super(options);
    const { rm, durability, checkTimeoutMs = 5_000, confirmTimeoutMs = 5_000 } = options;
    this.#options = options;
    this.#confirmTimeoutMs = confirmTimeoutMs;
    const takesMemory = durability === 'memory';
    this.#check = new StreamCheck({ rm, takesMemory, timeoutMs: checkTimeoutMs }, () => this.#js());
  }

  async publish(
    subject: string,
    content: unknown,
    options: NatsPublishOptions = {},
  ): Promise<void> {
    await this.stage(JSON.stringify(natsMessage(subject, content, options)));
  }

  async acknowledge(message: object): Promise<void> {
    await this.stage(JSON.stringify(natsAcknowledgement(message)));
  }

  protected async connect(): Promise<RmIdentity> {
    const { identity, connection } = this.#options;
    await this.#js()
      .jetstreamManager()
      .catch((error: unknown) => {
        throw natsError(this.rm, 'JetStream', error);
      });
    return { identity: identity ?? `nats:${connection.info?.cluster ?? ''}`, incarnation: '1' };
  }

  protected async checkEffects(effects: readonly NatsEffect[]): Promise<void> {
    const subjects = effects.flatMap((effect) => ('subject' in effect ? effect.subject : []));
    await Promise.all([...new Set(subjects)].map((subject) => this.#check.check(subject)));
  }

  protected async applyEffects(
    effects: readonly PlacedEffect<NatsEffect>[],
    { settle }: ApplyTry,
  ): Promise<void> {
    for (const { effect, place } of effects) {
      await ('subject' in effect ? this.#send(effect, place) : this.#confirm(effect.acknowledges));
      settle(place.index, { is: 'applied' });
    }
  }

  async #send(message: NatsMessage, { id, gid, epoch, seq, index }: EffectPlace): Promise<void> {
    const headers = this.#options.nats.headers();
    for (const [name, value] of Object.entries(message.headers ?? {})) headers.set(name, value);
    headers.set('unanimous-gid', gid);
    headers.set('unanimous-position', `${epoch}.${seq}.${index}`);
    const timeout = this.#confirmTimeoutMs;
    try {
      // The stream drops a message whose id it has seen within its duplicate window.
      const options = { msgID: id, headers, timeout };
      await this.#js().publish(message.subject, contentOf(message), options);
    } catch (error) {
      throw natsError(this.rm, `${id} to ${message.subject}`, error);
    }
  }

  /** Waits for the server's word: a mere publish could be lost with the connection. */
  async #confirm(delivery: string): Promise<void> {
    const timeout = this.#confirmTimeoutMs;
    try {
      await this.#options.connection.request(delivery, '+ACK', { timeout });
    } catch (error) {
      // A consumer that was deleted has nobody who would hear of a delivery.
      if (await this.#hasConsumer(delivery)) throw natsError(this.rm, 'acknowledging', error);
    }
  }

  async #hasConsumer(delivery: string): Promise<boolean> {
    const tokens = delivery.split('.'); // newer servers put their domain and the account in front
    const [stream = '', consumer = ''] = tokens.slice(tokens.length > 9 ? 4 : 2);
    const { consumers } = await this.#js().jetstreamManager();
    return consumers.info(stream, consumer).then(
      () => true,
      (error: unknown) => !/not found/.test(String(error)),
    );
  }

  #js(): JetStream {
    const { connection, nats: modules } = this.#options;
    if (connection.isClosed()) {
      throw new UnanimousError('closed', `the NATS connection was closed`, { rm: this.rm });
    }
    return (this.#jetstream ??= modules.jetstream(connection));
  }
}

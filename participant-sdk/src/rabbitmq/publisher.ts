import { failpoint, UnanimousError } from '@unanimous/proto';
import type { EffectPlace } from '../logged/effect.ts';
import { type AmqpConfirmChannel, errorText, replyCode } from './amqplib.ts';
import type { Broker } from './broker.ts';
import { contentOf, type RabbitMessage, targetName } from './rabbit-message.ts';

/** A confirm channel with what is said on it apart from the confirms. */
interface Lane {
  readonly channel: AmqpConfirmChannel;
  /** Message ids that the broker sent back, with its words. The confirm comes after. */
  readonly returned: Map<string, string>;
  error: unknown;
}

/**
 * Publishes and waits for the broker's word. Each exchange has its own channel: the broker closes a
 * channel when an exchange is missing, and that must not hit messages to others.
 */
export class Publisher {
  readonly #rm: string;
  readonly #broker: Broker;
  readonly #lanes = new Map<string, Promise<Lane>>();
  readonly #outstanding = new Map<string, Promise<void>>();

  constructor(rm: string, broker: Broker) {
    this.#rm = rm;
    this.#broker = broker;
  }

  /**
   * Resolves when the broker has confirmed that a queue has the message. Asked again while the
   * broker has not answered, it waits on instead of sending a copy.
   * @throws UnanimousError `unroutable` or `rm-unavailable`; the message may be there all the same.
   */
  publish(message: RabbitMessage, place: EffectPlace): Promise<void> {
    const outstanding = this.#outstanding.get(place.id);
    if (outstanding) return outstanding;
    const sent = this.#send(message, place).finally(() => this.#outstanding.delete(place.id));
    this.#outstanding.set(place.id, sent);
    return sent;
  }

  async #send(message: RabbitMessage, place: EffectPlace): Promise<void> {
    const { exchange, routingKey } = message;
    const lane = await this.#lane(exchange);
    try {
      await new Promise<void>((resolve, reject) => {
        lane.channel.publish(
          exchange,
          routingKey,
          contentOf(message),
          propertiesOf(message, place),
          (error) => (error ? reject(error) : resolve()),
        );
        failpoint('p.publish.sent', this.#rm);
      });
    } catch (error) {
      throw this.#refusal(message, place, lane.error ?? error);
    }
    const returned = lane.returned.get(place.id);
    lane.returned.delete(place.id);
    if (returned !== undefined) {
      const text = `${place.id} to ${targetName(message)} came back: ${returned}`;
      throw new UnanimousError('unroutable', text, { rm: this.#rm });
    }
  }

  #refusal(message: RabbitMessage, { id }: EffectPlace, error: unknown): UnanimousError {
    const text = `${id} to ${targetName(message)}: ${errorText(error)}`;
    const code = replyCode(error) === 404 ? 'unroutable' : 'rm-unavailable';
    return new UnanimousError(code, text, { rm: this.#rm, cause: error });
  }

  #lane(exchange: string): Promise<Lane> {
    const open = this.#lanes.get(exchange);
    if (open) return open;
    const lane = this.#openLane(() => forget());
    const forget = () => {
      if (this.#lanes.get(exchange) === lane) this.#lanes.delete(exchange);
    };
    lane.catch(forget);
    this.#lanes.set(exchange, lane);
    return lane;
  }

  async #openLane(closed: () => void): Promise<Lane> {
    const connection = await this.#broker.connection();
    let channel: AmqpConfirmChannel;
    try {
      channel = await connection.createConfirmChannel();
    } catch (cause) {
      const message = `no channel to the broker: ${errorText(cause)}`;
      throw new UnanimousError('rm-unavailable', message, { rm: this.#rm, cause });
    }
    const lane: Lane = { channel, returned: new Map(), error: undefined };
    channel.on('error', (error) => {
      lane.error = error; // the broker's reason; 'close' follows
    });
    channel.on('close', closed);
    channel.on('return', (message) => noteReturn(lane, message));
    return lane;
  }
}

function noteReturn({ returned }: Lane, message: unknown): void {
  const { fields, properties } = message as {
    readonly fields: { readonly replyCode?: number; readonly replyText?: string };
    readonly properties: { readonly messageId?: string };
  };
  returned.set(properties.messageId ?? '', `${fields.replyCode} ${fields.replyText}`);
}

function propertiesOf(message: RabbitMessage, { id, gid, epoch, seq, index }: EffectPlace): object {
  const { contentType, type, correlationId, replyTo, priority, expirationMs } = message;
  return {
    messageId: id,
    mandatory: true,
    persistent: true,
    contentType,
    type,
    correlationId,
    replyTo,
    priority,
    expiration: expirationMs,
    headers: {
      ...message.headers,
      'unanimous-gid': gid,
      'unanimous-position': `${epoch}.${seq}.${index}`,
    },
  };
}

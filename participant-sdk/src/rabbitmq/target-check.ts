import { UnanimousError } from '@unanimous/proto';
import { systemAmbient, within } from '../ambient.ts';
import { type AmqpChannel, type AmqpConnection, errorText, replyCode } from './amqplib.ts';
import type { Broker } from './broker.ts';
import { type RabbitMessage, targetName } from './rabbit-message.ts';

/** A channel on which nothing is asked at the moment. */
interface Idle {
  readonly connection: AmqpConnection;
  readonly channel: AmqpChannel;
}

/** So many channels are kept for the next questions; opening one takes two round trips. */
const maxIdle = 8;

/** Asks the broker whether targets exist. Questions for one target at one time are asked once. */
export class TargetCheck {
  readonly #rm: string;
  readonly #broker: Broker;
  readonly #timeoutMs: number;
  readonly #running = new Map<string, Promise<void>>();
  #idle: readonly Idle[] = [];

  constructor(rm: string, broker: Broker, timeoutMs: number) {
    this.#rm = rm;
    this.#broker = broker;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws UnanimousError `unroutable` naming the target, or `rm-unavailable`. */
  async check(messages: readonly RabbitMessage[]): Promise<void> {
    const connection = await this.#broker.connection();
    const [only, second] = messages;
    if (only && !second) return this.#checkOnce(connection, only);
    await Promise.all(messages.map((message) => this.#checkOnce(connection, message)));
  }

  #checkOnce(connection: AmqpConnection, message: RabbitMessage): Promise<void> {
    const { exchange, routingKey } = message;
    const key = exchange === '' ? `queue ${routingKey}` : `exchange ${exchange}`;
    const running = this.#running.get(key);
    if (running) return running;
    const check = within(systemAmbient, this.#timeoutMs, this.#ask(connection, message), () => {
      const text = `the broker did not answer within ${this.#timeoutMs} ms`;
      throw new UnanimousError('rm-unavailable', text, { rm: this.#rm });
    }).finally(() => this.#running.delete(key));
    this.#running.set(key, check);
    return check;
  }

  /** On a channel that nobody else uses meanwhile: the broker closes it when the answer is no. */
  async #ask(connection: AmqpConnection, message: RabbitMessage): Promise<void> {
    let channel: AmqpChannel;
    try {
      channel = this.#takeIdle(connection) ?? (await this.#openChannel(connection));
      const { exchange, routingKey } = message;
      if (exchange === '') await channel.checkQueue(routingKey);
      else await channel.checkExchange(exchange);
    } catch (cause) {
      const code = replyCode(cause);
      if (code === 405) return; // another connection's own queue: it exists
      const text = `${targetName(message)}: ${errorText(cause)}`;
      const details = { rm: this.#rm, cause };
      throw new UnanimousError(code === 404 ? 'unroutable' : 'rm-unavailable', text, details);
    }
    if (this.#idle.length < maxIdle) this.#idle = [...this.#idle, { connection, channel }];
    else channel.close().catch(() => {}); // nobody waits for the goodbye
  }

  #takeIdle(connection: AmqpConnection): AmqpChannel | undefined {
    const taken = this.#idle.find((idle) => idle.connection === connection);
    this.#idle = this.#idle.filter((idle) => idle !== taken);
    return taken?.channel;
  }

  async #openChannel(connection: AmqpConnection): Promise<AmqpChannel> {
    const channel = await connection.createChannel();
    channel.on('error', () => {}); // the same error rejects the question
    channel.on('close', () => {
      this.#idle = this.#idle.filter((idle) => idle.channel !== channel);
    });
    return channel;
  }
}

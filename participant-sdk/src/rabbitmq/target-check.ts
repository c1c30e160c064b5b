import { UnanimousError } from '@unanimous/proto';
import { untilAborted } from '../logged/until-aborted.ts';
import { type AmqpChannel, errorText, replyCode } from './amqplib.ts';
import type { Broker } from './broker.ts';
import { type RabbitMessage, targetName } from './rabbit-message.ts';

/** Asks the broker whether targets exist. Questions for one target at one time are asked once. */
export class TargetCheck {
  readonly #rm: string;
  readonly #broker: Broker;
  readonly #timeoutMs: number;
  readonly #running = new Map<string, Promise<void>>();

  constructor(rm: string, broker: Broker, timeoutMs: number) {
    this.#rm = rm;
    this.#broker = broker;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws UnanimousError `unroutable` naming the target, or `rm-unavailable`. */
  async check(messages: readonly RabbitMessage[]): Promise<void> {
    await this.#broker.connection();
    await Promise.all(messages.map((message) => this.#checkOnce(message)));
  }

  #checkOnce(message: RabbitMessage): Promise<void> {
    const { exchange, routingKey } = message;
    const key = exchange === '' ? `queue ${routingKey}` : `exchange ${exchange}`;
    const running = this.#running.get(key);
    if (running) return running;
    const timer = new AbortController();
    const timeout = setTimeout(() => {
      const text = `the broker did not answer within ${this.#timeoutMs} ms`;
      timer.abort(new UnanimousError('rm-unavailable', text, { rm: this.#rm }));
    }, this.#timeoutMs);
    const check = untilAborted(this.#ask(message), timer.signal).finally(() => {
      clearTimeout(timeout);
      this.#running.delete(key);
    });
    this.#running.set(key, check);
    return check;
  }

  /** On a channel of its own: the broker closes it when the answer is no. */
  async #ask(message: RabbitMessage): Promise<void> {
    const connection = await this.#broker.connection();
    let channel: AmqpChannel | undefined;
    try {
      channel = await connection.createChannel();
      channel.on('error', () => {}); // the same error rejects the question
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
    channel.close().catch(() => {}); // nobody waits for the goodbye
  }
}

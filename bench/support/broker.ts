import * as amqplib from 'amqplib';
import { type RabbitmqServer, startRabbitmq } from '../../test/servers/rabbitmq.ts';
import { Arrivals } from './arrivals.ts';

/** A durable queue on a RabbitMQ, with a consumer who tells of each event that arrives. */
export class Broker implements AsyncDisposable {
  readonly url: string;
  readonly queue = 'placed';
  readonly #server: RabbitmqServer;
  readonly #connection: amqplib.ChannelModel;
  readonly #channel: amqplib.ConfirmChannel;
  readonly #arrivals = new Arrivals();

  private constructor(
    server: RabbitmqServer,
    connection: amqplib.ChannelModel,
    channel: amqplib.ConfirmChannel,
  ) {
    this.#server = server;
    this.url = server.url;
    this.#connection = connection;
    this.#channel = channel;
  }

  static async start(): Promise<Broker> {
    const server = await startRabbitmq();
    const connection = await amqplib.connect(server.url);
    const broker = new Broker(server, connection, await connection.createConfirmChannel());
    await broker.#channel.assertQueue(broker.queue, { durable: true });
    const consuming = await connection.createChannel();
    await consuming.consume(broker.queue, (message) => broker.#arrived(message), { noAck: true });
    return broker;
  }

  /** Publishes as one does without transactions: persistent, and confirmed. */
  publish(event: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const content = Buffer.from(JSON.stringify(event));
      this.#channel.sendToQueue(this.queue, content, { persistent: true }, (error: unknown) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  /** Resolves when the consumer has this event. Ask before it is published. */
  arrival(event: string): Promise<void> {
    return this.#arrivals.of(event);
  }

  #arrived(message: amqplib.ConsumeMessage | null): void {
    this.#arrivals.has(JSON.parse(String(message?.content ?? 'null')) as string);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
    await this.#server.stop();
  }
}

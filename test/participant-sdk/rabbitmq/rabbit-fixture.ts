import * as amqplib from 'amqplib';
import { rabbitmq, type RabbitmqOptions } from '../../../participant-sdk/src/rabbitmq/index.ts';
import type { RabbitmqServer } from '../../servers/rabbitmq.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';

/** A message as a reader sees it. */
export interface Taken {
  readonly id: unknown;
  readonly body: string;
  readonly fields: amqplib.MessageFields;
  readonly properties: amqplib.MessageProperties;
}

/** One resource on a running broker, and an operator's own connection beside it. */
export class RabbitFixture {
  readonly coordinator = new TestCoordinator();
  readonly #server: RabbitmqServer;
  readonly #open: { close(): Promise<void> }[] = [];

  constructor(server: RabbitmqServer) {
    this.#server = server;
  }

  /** Serves the broker to transactions. */
  async serve(options: Partial<RabbitmqOptions> = {}) {
    const { url } = this.#server;
    const resource = rabbitmq({ rm: 'events', amqplib, url, ...options });
    this.#open.push(resource);
    return this.coordinator.serve(resource);
  }

  /** Does something as an operator, on a connection of its own. */
  async operate<T>(work: (channel: amqplib.Channel) => Promise<T>): Promise<T> {
    const connection = await amqplib.connect(this.#server.url);
    try {
      return await work(await connection.createChannel());
    } finally {
      await connection.close();
    }
  }

  /** Declares durable queues. */
  async declare(...queues: string[]): Promise<void> {
    await this.operate(async (channel) => {
      for (const queue of queues) await channel.assertQueue(queue, { durable: true });
    });
  }

  /** How many messages wait in a queue. */
  async count(queue: string): Promise<number> {
    const { messageCount } = await this.operate((channel) => channel.checkQueue(queue));
    return messageCount;
  }

  /** Takes all messages of a queue. */
  async take(queue: string): Promise<Taken[]> {
    return this.operate(async (channel) => {
      const taken: Taken[] = [];
      for (;;) {
        const message = await channel.get(queue, { noAck: true });
        if (message === false) return taken;
        const { content, fields, properties } = message;
        taken.push({ id: properties.messageId, body: content.toString(), fields, properties });
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#open) await resource.close();
  }
}

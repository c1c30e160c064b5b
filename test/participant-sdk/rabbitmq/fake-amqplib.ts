import { EventEmitter } from 'node:events';
import type {
  AmqpChannel,
  AmqpConfirmChannel,
  AmqpConnection,
  Amqplib,
} from '../../../participant-sdk/src/rabbitmq/index.ts';

interface Published {
  readonly id: string;
  /** Answers the message: nothing for a confirm. */
  confirm(error?: Error): void;
}

/** A broker in memory that does what a test says. */
export class FakeBroker implements Amqplib {
  isUp = true;
  clusterName = 'fake@host';
  /** Confirms at once; else the test does. */
  isConfirming = true;
  /** Answers checks; else they hang. */
  isAnswering = true;
  readonly published: Published[] = [];
  readonly connections: FakeConnection[] = [];
  attempts = 0;

  async connect(): Promise<AmqpConnection> {
    this.attempts++;
    if (!this.isUp) throw new Error('connect ECONNREFUSED');
    const connection = new FakeConnection(this);
    this.connections.push(connection);
    return connection;
  }

  /** The connection made last. */
  get connection(): FakeConnection {
    const connection = this.connections.at(-1);
    if (!connection) throw new Error('never connected');
    return connection;
  }
}

/** A connection of it. */
export class FakeConnection extends EventEmitter implements AmqpConnection {
  readonly connection: AmqpConnection['connection'];
  readonly channels: FakeChannel[] = [];
  readonly #broker: FakeBroker;

  constructor(broker: FakeBroker) {
    super();
    this.#broker = broker;
    this.connection = { serverProperties: { cluster_name: broker.clusterName } };
  }

  async createChannel(): Promise<AmqpChannel> {
    return this.#channel();
  }

  async createConfirmChannel(): Promise<AmqpConfirmChannel> {
    return this.#channel();
  }

  /** Breaks, as a cut cable does. */
  break(error: Error): void {
    this.emit('error', error);
    for (const channel of this.channels) channel.end();
    this.emit('close', error);
  }

  async close(): Promise<void> {
    for (const channel of this.channels) channel.end();
    this.emit('close');
  }

  #channel(): FakeChannel {
    const channel = new FakeChannel(this.#broker);
    this.channels.push(channel);
    return channel;
  }
}

class FakeChannel extends EventEmitter implements AmqpConfirmChannel {
  readonly #broker: FakeBroker;
  readonly #open = new Set<(error?: Error) => void>();

  constructor(broker: FakeBroker) {
    super();
    this.#broker = broker;
  }

  checkQueue(): Promise<unknown> {
    return this.#broker.isAnswering ? Promise.resolve({}) : new Promise(() => {});
  }

  checkExchange(): Promise<unknown> {
    return this.checkQueue();
  }

  publish(
    _exchange: string,
    _routingKey: string,
    _content: Buffer,
    properties: object,
    confirmed: (error: unknown) => void,
  ): boolean {
    const confirm = (error: Error | null = null) => {
      if (this.#open.delete(confirm)) confirmed(error);
    };
    this.#open.add(confirm);
    const id = 'messageId' in properties ? String(properties.messageId) : '';
    this.#broker.published.push({ id, confirm });
    if (this.#broker.isConfirming) setImmediate(confirm);
    return true;
  }

  async close(): Promise<void> {
    this.end();
  }

  /** Ends it with its unconfirmed messages. */
  end(): void {
    this.emit('close');
    for (const confirm of this.#open) confirm(new Error('channel closed'));
  }
}

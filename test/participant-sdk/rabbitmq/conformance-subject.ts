import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { rabbitmq, type Rabbitmq } from '@unanimous/participant-sdk/rabbitmq';
import * as amqplib from 'amqplib';
import { sourceArgv } from '../support/source-argv.ts';

/** Where the resource connects, and where the reader does. */
export interface RabbitAddresses {
  readonly url: string;
  readonly readerUrl: string;
}

interface Message {
  readonly key: string;
  readonly text: string;
}

interface Reader {
  readonly connection: amqplib.ChannelModel;
  readonly channel: amqplib.Channel;
}

const queue = 'conformance';

/** One durable queue, read by a consumer who leaves out what he knows by its messageId. */
export function conformanceSubject(addresses: RabbitAddresses): ConformanceSubject<Rabbitmq> {
  const received = new Map<string, Message>();
  let reading: Promise<Reader> | undefined;
  return {
    kind: 'logged',
    make: async (rm) => {
      await reader();
      return rabbitmq({ rm, amqplib, url: addresses.url });
    },
    write: (resource, key, text) => resource.publish(queue, { key, text }),
    async read(key) {
      const { channel } = await reader();
      for (;;) {
        const message = await channel.get(queue, { noAck: true });
        if (message === false) break;
        const id = String(message.properties.messageId);
        if (!received.has(id)) received.set(id, JSON.parse(message.content.toString()) as Message);
      }
      return [...received.values()].filter((each) => each.key === key).map(({ text }) => text);
    },
    fail: (resource, key) => resource.publish('nowhere', key),
    child: { module: import.meta.url, input: addresses, execArgv: sourceArgv },
    close: async () => (await reading)?.connection.close(),
  };

  /** Connects once, and again when the connection broke. */
  function reader(): Promise<Reader> {
    return (reading ??= connect().catch((error: unknown) => {
      reading = undefined;
      throw error;
    }));
  }

  async function connect(): Promise<Reader> {
    const connection = await amqplib.connect(addresses.readerUrl);
    connection.on('error', () => {});
    connection.on('close', () => (reading = undefined));
    const channel = await connection.createChannel();
    await channel.assertQueue(queue, { durable: true });
    return { connection, channel };
  }
}

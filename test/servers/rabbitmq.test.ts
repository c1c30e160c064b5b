import { existsSync } from 'node:fs';
import { connect } from 'amqplib';
import { expect } from 'vitest';
import { waitUntil } from '../support/wait-until.ts';
import { processesOf } from './leftovers.ts';
import { startRabbitmq } from './rabbitmq.ts';
import { serverOrSkip } from './require-server.ts';

const rabbitmq = serverOrSkip('rabbitmq');

async function publish(url: string, queue: string, text: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  channel.sendToQueue(queue, Buffer.from(text), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}

async function declare(url: string, queue: string): Promise<void> {
  const connection = await connect(url);
  await (await connection.createChannel()).assertQueue(queue, { durable: true });
  await connection.close();
}

async function take(url: string, queue: string): Promise<string | undefined> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const message = await channel.get(queue, { noAck: true });
  await connection.close();
  return message === false ? undefined : message.content.toString();
}

rabbitmq.test(
  'a RabbitMQ of our own: confirmed messages survive kill -9, stop leaves nothing',
  async () => {
    const server = await startRabbitmq();
    try {
      await declare(server.url, 'orders');
      // A broker writes down its queues a little later than it confirms messages.
      await server.restart();
      await publish(server.url, 'orders', 'placed');
      expect(processesOf(server.folder)).not.toEqual([]);
      await server.kill9();
      await expect(connect(server.url)).rejects.toThrow(/ECONNREFUSED/);
      await server.restart();
      expect(await take(server.url, 'orders')).toBe('placed');
    } finally {
      await server.stop();
    }
    const isGone = () => processesOf(server.folder).length === 0;
    await waitUntil(isGone, { what: 'the broker and its helpers to end', timeoutMs: 2_000 });
    expect(existsSync(server.folder)).toBe(false);
    await server.stop(); // idempotent
  },
  90_000,
);

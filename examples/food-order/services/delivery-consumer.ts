// The delivery service: takes the events of placed orders from the queue. A queue delivers at least
// once, so it remembers the orders it has delivered, in the same write that delivers.

import Database from 'better-sqlite3';
import { openQueue } from '@unanimous/participant-sdk/sqlite-queue';
import amqplib from 'amqplib';
import type { OrderPlaced } from './order-events.ts';
import { deliveriesSchema, topic } from './schema.ts';
import { ready, setting } from '../../support/settings.ts';

const deliveries = new Database(setting('DELIVERIES'));
deliveries.pragma('journal_mode = wal');
deliveries.exec(deliveriesSchema);
const insert = deliveries.prepare(`
  insert into deliveries (order_id, portions) values (?, ?)
  on conflict (order_id) do update set copies = copies + 1`);

function deliver({ orderId, portions }: OrderPlaced): void {
  insert.run(orderId, portions);
}

async function consumeRabbitmq(url: string): Promise<void> {
  const connection = await amqplib.connect(url);
  const channel = await connection.createChannel();
  await channel.assertQueue(topic, { durable: true });
  await channel.prefetch(50);
  await channel.consume(topic, (message) => {
    if (message === null) return;
    deliver(JSON.parse(message.content.toString()) as OrderPlaced);
    channel.ack(message);
  });
  ready();
}

async function consumeSqlite(): Promise<void> {
  const queue = await openQueue({ file: setting('QUEUE'), Database });
  ready();
  const { signal } = new AbortController();
  const options = { signal, concurrency: 16, visibilityMs: 2_000 };
  await queue.consume<OrderPlaced>(topic, ({ body }) => deliver(body), options);
}

const url = process.env.EXAMPLE_RABBITMQ;
await (url ? consumeRabbitmq(url) : consumeSqlite());

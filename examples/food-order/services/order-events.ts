import type { TransactionClient } from '@unanimous/participant-sdk';
import { rabbitmq } from '@unanimous/participant-sdk/rabbitmq';
import { sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import amqplib from 'amqplib';
import Database from 'better-sqlite3';
import { topic } from './schema.ts';
import { setting } from '../../support/settings.ts';

/** The event of a placed order. */
export interface OrderPlaced {
  readonly orderId: string;
  readonly portions: number;
}

/** Publishes within the current transaction. */
export interface OrderEvents {
  publish(event: OrderPlaced): Promise<void>;
}

/** Serves the demo's queue: SQLite by default, RabbitMQ when its address is set. */
export async function serveEvents(tm: TransactionClient): Promise<OrderEvents> {
  const url = process.env.EXAMPLE_RABBITMQ;
  if (url) {
    const broker = await tm.serve(rabbitmq({ rm: 'events', amqplib, url }));
    return { publish: (event) => broker.publish({ queue: topic }, event) };
  }
  const queue = await tm.serve(sqliteQueue({ rm: 'events', file: setting('QUEUE'), Database }));
  return { publish: (event) => queue.publish(topic, event) };
}

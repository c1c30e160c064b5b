import {
  type CommonOptions,
  currentTransaction,
  TransactionClient,
} from '@unanimous/participant-sdk';
import { postgres } from '@unanimous/participant-sdk/postgres';
import { type SqliteQueue, sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';
import pg from 'pg';
import { insertOrder, type OrderPlaced, topic } from './shop-schema.ts';

/** What the order service is started with. */
export interface OrderServiceOptions extends CommonOptions {
  /** Of the coordinator. */
  readonly address: string;
  readonly ordersUrl: string;
  readonly queueFile: string;
  /** Connections to its database; 4 unless told. */
  readonly max?: number;
}

/** The service that begins the shop's transactions: orders in Postgres, events in a queue. */
export class OrderService implements AsyncDisposable {
  readonly tm: TransactionClient;
  readonly pool: pg.Pool;
  readonly events: SqliteQueue;

  private constructor(tm: TransactionClient, pool: pg.Pool, events: SqliteQueue) {
    this.tm = tm;
    this.pool = pool;
    this.events = events;
  }

  /** Connects and serves. */
  static async start(options: OrderServiceOptions): Promise<OrderService> {
    const { ordersUrl: connectionString, queueFile: file, max = 4, ...client } = options;
    const tm = new TransactionClient({ service: 'orders', ...client });
    const database = postgres({ rm: 'orders-db', pg, connectionString, max });
    const { pool } = await tm.serve(database);
    const events = await tm.serve(sqliteQueue({ rm: 'events', file, Database }));
    return new OrderService(tm, pool, events);
  }

  /** Inserts an order in the current transaction. */
  async insert(id: string, portions = 1): Promise<void> {
    await this.pool.query(insertOrder, [id, currentTransaction()?.gid ?? '', portions]);
  }

  /** Inserts an order in the current transaction, whose gid nobody sees. */
  async insertUnnamed(id: string): Promise<void> {
    await this.pool.query(insertOrder, [id, '', 1]);
  }

  /** Publishes the event of an order in the current transaction. */
  async publish(orderId: string): Promise<void> {
    const event: OrderPlaced = { orderId, gid: currentTransaction()?.gid ?? '' };
    await this.events.publish(topic, event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tm.close();
  }
}

// What the order service writes to: five resource managers of its own, and a service that it calls.

import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { Client } from '@opensearch-project/opensearch';
import { TransactionClient } from '@unanimous/participant-sdk';
import { clientInterceptor } from '@unanimous/participant-sdk/grpc';
import { kafka } from '@unanimous/participant-sdk/kafka';
import { mysql } from '@unanimous/participant-sdk/mysql';
import { postgres } from '@unanimous/participant-sdk/postgres';
import { redisCache } from '@unanimous/participant-sdk/redis';
import { search } from '@unanimous/participant-sdk/search';
import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import mysql2 from 'mysql2';
import pg from 'pg';
import { type Reservation, Stock } from '../../food-order/services/stock-api.ts';
import { setting } from '../../support/settings.ts';

const address = setting('COORDINATOR');
export const tm = new TransactionClient({ address, service: 'orders', scanIntervalMs: 500 });

export const { pool: orders } = await tm.serve(
  postgres({ rm: 'orders-db', pg, connectionString: setting('POSTGRES') }),
);

const mariadb = await tm.serve(mysql({ rm: 'invoices-db', mysql2, uri: setting('MARIADB') }));
export const invoices = mariadb.pool.promise();

const retry = { initialRetryTime: 50, maxRetryTime: 200, retries: 3 };
const brokers = new Kafka({ brokers: [setting('KAFKA')], logLevel: logLevel.NOTHING, retry });
const producer = brokers.producer({ maxInFlightRequests: 1 });
const admin = brokers.admin();
await Promise.all([producer.connect(), admin.connect()]);
export const events = await tm.serve(kafka({ rm: 'order-events', producer, admin }));

const redis = new Redis(setting('REDIS'), { retryStrategy: () => 100 });
redis.on('error', () => undefined); // it comes back
export const cache = await tm.serve(
  redisCache({ rm: 'order-cache', client: redis, prefix: 'order:' }),
);

const client = new Client({ node: setting('OPENSEARCH') });
export const index = await tm.serve(search({ rm: 'order-index', client }));

const stock = new Stock(setting('STOCK'), credentials.createInsecure(), {
  interceptors: [clientInterceptor()],
});

/** Asks the stock service, which joins the transaction. */
export const reserve = promisify((request: Reservation, done: (error: Error | null) => void) => {
  stock.reserve(request, done);
});

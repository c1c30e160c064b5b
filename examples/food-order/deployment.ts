import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { coordinatorProcess, serviceProcess } from '../support/example-process.ts';
import { freePort } from '../support/free-port.ts';
import { InReverse } from '../support/in-reverse.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { type RabbitmqServer, startRabbitmq } from '../support/rabbitmq-server.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { ordersSchema, stockRows, stockSchema } from './services/schema.ts';

/** Everything that the demo runs, each in a process of its own, all in one temporary folder. */
export interface Deployment {
  readonly folder: string;
  readonly ordersServer: PostgresServer;
  readonly stockServer: PostgresServer;
  /** Connections of an onlooker; the services have their own. */
  readonly ordersDb: pg.Pool;
  readonly stockDb: pg.Pool;
  readonly naiveDb: pg.Pool;
  readonly rabbitmq: RabbitmqServer | undefined;
  readonly coordinator: ServiceProcess;
  readonly stock: ServiceProcess;
  readonly orders: ServiceProcess;
  readonly consumer: ServiceProcess;
  readonly naive: ServiceProcess;
  readonly ordersUrl: string;
  readonly naiveUrl: string;
  readonly coordinatorAddress: string;
  readonly files: { readonly queue: string; readonly deliveries: string; readonly naive: string };
  /** Ends all processes and removes the folder. Idempotent. */
  stop(): Promise<void>;
}

/** Starts the two Postgres servers (and RabbitMQ when wanted); the services are started later. */
export async function deploy(options: { readonly withRabbitmq: boolean }): Promise<Deployment> {
  const folder = mkdtempSync(join(tmpdir(), 'unanimous-demo-'));
  const parts = new InReverse();
  const atEnd = (end: () => unknown) => {
    parts.use({ [Symbol.asyncDispose]: async () => void (await end()) });
  };
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const stop = () => parts[Symbol.asyncDispose]();
  try {
    const settings = { shared_buffers: '32MB', synchronous_commit: 'on' };
    const [ordersServer, stockServer, rabbitmq] = await Promise.all([
      startPostgres({ maxPreparedTransactions: 100, settings }),
      startPostgres({ maxPreparedTransactions: 100, settings }),
      options.withRabbitmq ? startRabbitmq() : undefined,
    ]);
    for (const server of [ordersServer, stockServer, rabbitmq]) atEnd(() => server?.stop());
    const urls = {
      orders: await ordersServer.createDatabase('orders'),
      naive: await ordersServer.createDatabase('naive'),
      stock: await stockServer.createDatabase('stock'),
    };
    const ordersDb = onlooker(urls.orders);
    const naiveDb = onlooker(urls.naive);
    const stockDb = onlooker(urls.stock);
    atEnd(() => Promise.all([ordersDb.end(), naiveDb.end(), stockDb.end()]));
    await ordersDb.query(ordersSchema);
    await naiveDb.query(ordersSchema);
    await stockDb.query(`${stockSchema}; ${stockRows}`);
    const services = await defineServices(folder, urls, rabbitmq?.url);
    atEnd(() => Promise.all(services.all.map((service) => service.stop())));
    const databases = { ordersServer, stockServer, ordersDb, stockDb, naiveDb };
    return { folder, ...databases, rabbitmq, ...services, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function onlooker(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 2, connectionTimeoutMillis: 500 });
  pool.on('error', () => undefined); // a killed server ends idle connections
  return pool;
}

async function defineServices(
  folder: string,
  urls: { readonly orders: string; readonly naive: string; readonly stock: string },
  rabbitmqUrl = '',
) {
  const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const [coordinatorPort, stockPort, ordersPort, naivePort] = ports;
  const coordinatorAddress = `127.0.0.1:${coordinatorPort}`;
  const files = {
    queue: join(folder, 'queue.db'),
    deliveries: join(folder, 'deliveries.db'),
    naive: join(folder, 'naive-events.db'),
  };
  const env = {
    EXAMPLE_COORDINATOR: coordinatorAddress,
    EXAMPLE_ORDERS_DB: urls.orders,
    EXAMPLE_STOCK_DB: urls.stock,
    EXAMPLE_NAIVE_DB: urls.naive,
    EXAMPLE_STOCK: `127.0.0.1:${stockPort}`,
    EXAMPLE_ORDERS_PORT: String(ordersPort),
    EXAMPLE_NAIVE_PORT: String(naivePort),
    EXAMPLE_QUEUE: files.queue,
    EXAMPLE_DELIVERIES: files.deliveries,
    EXAMPLE_NAIVE_EVENTS: files.naive,
    EXAMPLE_RABBITMQ: rabbitmqUrl,
  };
  const service = (name: string, file: string) =>
    serviceProcess(name, new URL(`services/${file}`, import.meta.url), { folder, env });
  const coordinator = coordinatorProcess(coordinatorAddress, { folder, env: {} });
  const stock = service('stock service', 'stock-service.ts');
  const orders = service('order service', 'order-service.ts');
  const consumer = service('delivery consumer', 'delivery-consumer.ts');
  const naive = service('naive order service', 'naive-order-service.ts');
  return {
    coordinator,
    stock,
    orders,
    consumer,
    naive,
    all: [coordinator, stock, orders, consumer, naive],
    ordersUrl: `http://127.0.0.1:${ordersPort}/orders`,
    naiveUrl: `http://127.0.0.1:${naivePort}/orders`,
    coordinatorAddress,
    files,
  };
}

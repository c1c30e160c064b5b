import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePort } from '../support/free-port.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { type RabbitmqServer, startRabbitmq } from '../support/rabbitmq-server.ts';
import { ServiceProcess } from './service-process.ts';
import { ordersSchema, stockRows, stockSchema } from './services/schema.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const unanimous = fileURLToPath(new URL('../../coordinator/bin/unanimous.js', import.meta.url));
const fromSources = ['--conditions=@unanimous/source', '--import', 'tsx'];

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
  const stops: (() => Promise<unknown> | void)[] = [
    () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  ];
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= stopAll(stops));
  try {
    const settings = { shared_buffers: '32MB', synchronous_commit: 'on' };
    const [ordersServer, stockServer, rabbitmq] = await Promise.all([
      startPostgres({ maxPreparedTransactions: 100, settings }),
      startPostgres({ maxPreparedTransactions: 100, settings }),
      options.withRabbitmq ? startRabbitmq() : undefined,
    ]);
    stops.push(
      () => ordersServer.stop(),
      () => stockServer.stop(),
      () => rabbitmq?.stop(),
    );
    const urls = {
      orders: await ordersServer.createDatabase('orders'),
      naive: await ordersServer.createDatabase('naive'),
      stock: await stockServer.createDatabase('stock'),
    };
    const ordersDb = onlooker(urls.orders);
    const naiveDb = onlooker(urls.naive);
    const stockDb = onlooker(urls.stock);
    stops.push(() => Promise.all([ordersDb.end(), naiveDb.end(), stockDb.end()]));
    await ordersDb.query(ordersSchema);
    await naiveDb.query(ordersSchema);
    await stockDb.query(`${stockSchema}; ${stockRows}`);
    const services = await defineServices(folder, urls, rabbitmq?.url);
    stops.push(() => Promise.all(services.all.map((service) => service.stop())));
    const databases = { ordersServer, stockServer, ordersDb, stockDb, naiveDb };
    return { folder, ...databases, rabbitmq, ...services, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stopAll(stops: (() => Promise<unknown> | void)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const stop of stops.toReversed()) {
    try {
      await stop();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'the demo could not clean up');
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
    FOOD_ORDER_COORDINATOR: coordinatorAddress,
    FOOD_ORDER_ORDERS_DB: urls.orders,
    FOOD_ORDER_STOCK_DB: urls.stock,
    FOOD_ORDER_NAIVE_DB: urls.naive,
    FOOD_ORDER_STOCK: `127.0.0.1:${stockPort}`,
    FOOD_ORDER_ORDERS_PORT: String(ordersPort),
    FOOD_ORDER_NAIVE_PORT: String(naivePort),
    FOOD_ORDER_QUEUE: files.queue,
    FOOD_ORDER_DELIVERIES: files.deliveries,
    FOOD_ORDER_NAIVE_EVENTS: files.naive,
    FOOD_ORDER_RABBITMQ: rabbitmqUrl,
  };
  const service = (name: string, file: string) => {
    const args = [...fromSources, join(here, 'services', file)];
    const logFile = join(folder, `${name}.log`);
    return new ServiceProcess({ name, args, env, readyLine: 'ready', logFile });
  };
  const data = join(folder, 'coordinator');
  const coordinator = new ServiceProcess({
    name: 'coordinator',
    args: [unanimous, 'serve', '--data', data, '--listen', coordinatorAddress],
    env: {},
    readyLine: 'unanimous ready',
    logFile: join(folder, 'coordinator.log'),
  });
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

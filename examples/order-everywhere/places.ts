import { Client } from '@opensearch-project/opensearch';
import Database from 'better-sqlite3';
import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import mysql2 from 'mysql2';
import pg from 'pg';
import { TopicReader } from '../support/topic-reader.ts';

/** One of the six places, seen from outside and without Unanimous: what its own server holds. */
export interface Place extends AsyncDisposable {
  /** What people call it. */
  readonly name: string;
  /** Ids of the orders that are there, each as often as it is there. */
  orders(): Promise<readonly string[]>;
  /** Branches that are prepared and wait for a decision; 0 where nothing can be. */
  prepared(): Promise<number>;
}

/** Where the six places are. */
export interface PlaceAddresses {
  readonly postgres: string;
  readonly mariadb: string;
  readonly kafka: string;
  readonly redis: string;
  readonly opensearch: string;
  readonly queueFile: string;
}

/** Opens all six. The servers must be up, with all that the services need in them. */
export async function openPlaces(at: PlaceAddresses): Promise<readonly Place[]> {
  return [
    postgresPlace(at.postgres),
    mariadbPlace(at.mariadb),
    await kafkaPlace(at.kafka),
    redisPlace(at.redis),
    opensearchPlace(at.opensearch),
    queuePlace(at.queueFile),
  ];
}

function postgresPlace(connectionString: string): Place {
  const pool = new pg.Pool({ connectionString, max: 1 });
  pool.on('error', () => undefined); // its server is killed
  const prepared = 'select gid from pg_prepared_xacts where database = current_database()';
  return {
    name: 'Postgres',
    orders: async () => (await pool.query<{ id: string }>('select id from orders')).rows.map(idOf),
    prepared: async () => (await pool.query(prepared)).rows.length,
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

function mariadbPlace(uri: string): Place {
  const pool = mysql2.createPool({ uri, connectionLimit: 1 }).promise();
  const rows = async (sql: string) => (await pool.query<mysql2.RowDataPacket[]>(sql))[0];
  return {
    name: 'MariaDB',
    orders: async () => (await rows('select order_id from invoices')).map((row) => row.order_id),
    prepared: async () => (await rows('xa recover')).length,
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

async function kafkaPlace(broker: string): Promise<Place> {
  const retry = { initialRetryTime: 50, maxRetryTime: 200, retries: 50 };
  const client = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry });
  const admin = client.admin();
  await admin.connect();
  return {
    name: 'Kafka',
    async orders() {
      // A new one each time: one whose broker was killed is let back into its group much later.
      const reader = await TopicReader.open(client, admin, 'orders-placed');
      try {
        // What was sent again has the same id, and readers know it by that.
        const byId = new Map((await reader.all()).map(({ id, key }) => [id, key]));
        return [...byId.values()].map(String);
      } finally {
        await reader.close();
      }
    },
    prepared: none,
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}

function redisPlace(url: string): Place {
  const redis = new Redis(url, { retryStrategy: () => 100 });
  redis.on('error', () => undefined);
  return {
    name: 'Redis',
    async orders() {
      const keys = await redis.keys('order:o-*');
      const hasValue = await Promise.all(keys.map((key) => redis.hexists(key, 'v')));
      return keys.filter((_, n) => hasValue[n]).map((key) => key.slice('order:'.length));
    },
    prepared: none,
    [Symbol.asyncDispose]: async () => redis.disconnect(),
  };
}

function opensearchPlace(node: string): Place {
  const client = new Client({ node });
  return {
    name: 'OpenSearch',
    async orders() {
      await client.indices.refresh({ index: 'orders' });
      const { body } = await client.search({ index: 'orders', size: 10_000, _source: false });
      return body.hits.hits.map(({ _id: id }) => String(id));
    },
    prepared: none,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function queuePlace(file: string): Place {
  const rows = (sql: string) => {
    const database = new Database(file, { readonly: true });
    try {
      return database.prepare(sql).pluck().all() as string[];
    } finally {
      database.close();
    }
  };
  return {
    name: 'the stock service’s queue',
    orders: async () => rows("select body ->> 'orderId' from unanimous_messages"),
    prepared: async () =>
      rows("select branch from unanimous_branches where state = 'prepared'").length,
    async [Symbol.asyncDispose]() {},
  };
}

const idOf = ({ id }: { readonly id: string }): string => id;

const none = async (): Promise<number> => 0;

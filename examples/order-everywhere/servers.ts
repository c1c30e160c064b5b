import { Client } from '@opensearch-project/opensearch';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import type { InReverse } from '../support/in-reverse.ts';
import { type KafkaServer, startKafka } from '../support/kafka-server.ts';
import { type MariadbServer, startMariadb } from '../support/mariadb-server.ts';
import { type RunningSearchServer, startSearchServer } from '../support/search-server.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

/** The servers that the order service writes to. */
export interface Servers {
  readonly postgres: PostgresServer;
  readonly mariadb: MariadbServer;
  readonly kafka: KafkaServer;
  readonly redis: RedisServer;
  readonly opensearch: RunningSearchServer;
}

/** Starts all five at the same time; `parts` ends them. */
export async function startServers(parts: InReverse): Promise<Servers> {
  const starting = {
    opensearch: startSearchServer('opensearch'),
    kafka: startKafka(),
    redis: startRedis('fsync'),
    postgres: startPostgres(),
    mariadb: startMariadb(),
  };
  const settled = await Promise.allSettled(Object.values(starting));
  for (const one of settled) {
    if (one.status === 'fulfilled') {
      const server = one.value;
      parts.use({ [Symbol.asyncDispose]: () => server.stop() });
    }
  }
  return {
    opensearch: await starting.opensearch,
    kafka: await starting.kafka,
    redis: await starting.redis,
    postgres: await starting.postgres,
    mariadb: await starting.mariadb,
  };
}

/** Makes the tables, the topic and the index. Returns where clients find each server. */
export async function prepareServers({ postgres, mariadb, kafka, redis, opensearch }: Servers) {
  const at = {
    postgres: await postgres.createDatabase('orders'),
    mariadb: `mysql://root@127.0.0.1:${mariadb.port}/invoices`,
    kafka: `127.0.0.1:${kafka.port}`,
    redis: `redis://${redis.address}`,
    opensearch: `http://${opensearch.address}`,
  };
  mariadb.client(`
    create database invoices;
    create table invoices.invoices (order_id varchar(40) primary key, cents int not null)`);
  await Promise.all([makeTable(at.postgres), makeTopic(at.kafka), makeIndex(at.opensearch)]);
  return at;
}

async function makeTable(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(
    'create table orders (id text primary key, dish text not null, portions int not null)',
  );
  await client.end();
}

async function makeTopic(broker: string): Promise<void> {
  const admin = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'orders-placed' }], waitForLeaders: true });
  await admin.disconnect();
}

async function makeIndex(node: string): Promise<void> {
  const client = new Client({ node });
  const properties = { dish: { type: 'keyword' }, portions: { type: 'integer' } } as const;
  const settings = { number_of_replicas: 0 };
  await client.indices.create({ index: 'orders', body: { settings, mappings: { properties } } });
  await client.close();
}

import { resourceCase as bullmq } from '../resources/bullmq.ts';
import { resourceCase as definedResource } from '../resources/defined-resource.ts';
import { resourceCase as kafka } from '../resources/kafka.ts';
import { resourceCase as lastResource } from '../resources/last-resource.ts';
import { resourceCase as mariadb } from '../resources/mariadb.ts';
import { resourceCase as nats } from '../resources/nats.ts';
import { resourceCase as opensearch } from '../resources/opensearch.ts';
import { resourceCase as postgres } from '../resources/postgres.ts';
import { resourceCase as postgresTableQueue } from '../resources/postgres-table-queue.ts';
import { resourceCase as rabbitmq } from '../resources/rabbitmq.ts';
import { resourceCase as redisCache } from '../resources/redis-cache.ts';
import { resourceCase as redisStreams } from '../resources/redis-streams.ts';
import { resourceCase as reservation } from '../resources/reservation.ts';
import { resourceCase as sqliteQueue } from '../resources/sqlite-queue.ts';
import type { ResourceCase } from './resource-case.ts';

/** A resource that is hit, and what tells beside it what was decided. */
export interface Pairing {
  readonly resource: ResourceCase;
  readonly beside: ResourceCase;
}

const inFile = { beside: sqliteQueue };
const inDatabase = { beside: postgres };

/** By the names that `--only` takes, in the order of docs/resources.md. */
export const resourceCases: Readonly<Record<string, Pairing>> = {
  postgres: { resource: postgres, ...inFile },
  'postgres-table-queue': { resource: postgresTableQueue, ...inFile },
  mariadb: { resource: mariadb, ...inDatabase },
  'sqlite-queue': { resource: sqliteQueue, ...inDatabase },
  rabbitmq: { resource: rabbitmq, ...inFile },
  kafka: { resource: kafka, ...inFile },
  nats: { resource: nats, ...inFile },
  'redis-cache': { resource: redisCache, ...inFile },
  'redis-streams': { resource: redisStreams, ...inFile },
  bullmq: { resource: bullmq, ...inFile },
  opensearch: { resource: opensearch, ...inFile },
  'defined-resource': { resource: definedResource, ...inFile },
  reservation: { resource: reservation, ...inFile },
  'last-resource': { resource: lastResource, ...inFile },
};

import { hasKafka } from '../support/kafka-server.ts';
import { hasMariadb } from '../support/mariadb-server.ts';
import { hasSearchServer } from '../support/search-server.ts';
import { postgresBinaries } from '../support/postgres-server.ts';
import { hasRedis } from '../support/redis-server.ts';

const java = 'install a JDK and Maven, which fetches it: default-jdk-headless, maven';

/** Servers that are needed and absent, each with how to get it. */
export async function absentServers(): Promise<string[]> {
  const needed: readonly [name: string, isPresent: boolean, remedy: string][] = [
    ['Postgres', (await postgresBinaries()) !== undefined, 'run npm ci'],
    ['MariaDB', hasMariadb(), 'install mariadb-server, or set UNANIMOUS_MARIADBD to its path'],
    ['Kafka', hasKafka(), java],
    ['Redis', hasRedis(), 'install redis-server, or set UNANIMOUS_REDIS_SERVER to its path'],
    ['OpenSearch', hasSearchServer('opensearch'), java],
  ];
  return needed
    .filter(([, isPresent]) => !isPresent)
    .map(([name, , remedy]) => `${name} is absent: ${remedy}`);
}

import { spawnSync } from 'node:child_process';
import { describe, test } from 'vitest';
import { postgresBinaries } from '../../examples/support/postgres-server.ts';
import { hasKafka } from '../../examples/support/kafka-server.ts';
import { hasMariadb, hasMysql } from './mariadb.ts';
import { hasNats } from './nats.ts';
import { hasRabbitmq } from './rabbitmq.ts';
import { hasRedis } from '../../examples/support/redis-server.ts';
import { hasSearchServer } from '../../examples/support/search-server.ts';

/** A server that a test starts for itself. */
export type ServerName =
  | 'kafka'
  | 'mariadb'
  | 'mysql'
  | 'postgres'
  | 'rabbitmq'
  | 'redis'
  | 'nats'
  | 'opensearch'
  | 'elasticsearch';

/** A command-line tool that a test runs. `python` stands for a Python that can import grpc_tools. */
export type CommandName = 'psql' | 'sqlite3' | 'python' | 'cc';

/** `describe` and `test` of vitest, for tests that need something that may be absent. */
export interface Needing {
  readonly isPresent: boolean;
  describe(title: string, body: () => void): void;
  test(title: string, body: () => Promise<void> | void, timeoutMs?: number): void;
}

const serverIsPresent: Record<ServerName, () => boolean> = {
  kafka: hasKafka,
  mariadb: hasMariadb,
  mysql: hasMysql,
  postgres: () => postgresIsPresent,
  rabbitmq: hasRabbitmq,
  redis: hasRedis,
  nats: hasNats,
  opensearch: () => hasSearchServer('opensearch'),
  elasticsearch: () => hasSearchServer('elasticsearch'),
};

/**
 * What no registry brings: whoever has it names it, and where nobody does its tests are skipped, also
 * when nothing else may be. MySQL 8 comes neither from Debian nor from npm, PyPI or Maven. Confluent's
 * client fetches its binary from elsewhere, or compiles for minutes.
 */
const mayBeAbsent: ReadonlySet<string> = new Set(['mysql', 'confluent-kafka']);

const postgresIsPresent = (await postgresBinaries()) !== undefined;

/**
 * Runs tests where all the named servers can be started. Elsewhere they are skipped, and the run's
 * summary says "server absent: NAME"; with UNANIMOUS_TEST_REQUIRE=all they fail instead.
 */
export function serverOrSkip(...names: readonly ServerName[]): Needing {
  const absent = names.filter((name) => !serverIsPresent[name]());
  return needing('server', absent);
}

/** As `serverOrSkip`, for a driver that is not installed with the others: the path of its folder. */
export function driverOrSkip(name: 'confluent-kafka'): Needing {
  return needing('driver', confluentKafka() === undefined ? [name] : []);
}

/** Where `@confluentinc/kafka-javascript` is installed, if somebody says so. */
export function confluentKafka(): string | undefined {
  return process.env.UNANIMOUS_CONFLUENT_KAFKA || undefined;
}

/** As `serverOrSkip`, for command-line tools: "command absent: NAME". */
export function commandOrSkip(...names: readonly CommandName[]): Needing {
  const absent = names.filter((name) => !commandIsPresent(name));
  return needing('command', absent);
}

/** What to spawn for a tool: `python` may be a virtual environment's, from UNANIMOUS_PYTHON. */
export function commandPath(name: CommandName): string {
  return name === 'python' ? process.env.UNANIMOUS_PYTHON || 'python3' : name;
}

function commandIsPresent(name: CommandName): boolean {
  const args = name === 'python' ? ['-c', 'import grpc, grpc_tools.protoc'] : ['--version'];
  return spawnSync(commandPath(name), args, { stdio: 'ignore' }).status === 0;
}

function needing(what: 'server' | 'command' | 'driver', absent: readonly string[]): Needing {
  if (absent.length === 0) return { isPresent: true, describe, test };
  const reason = absent.map((name) => `${what} absent: ${name}`).join(', ');
  if (absent.some((name) => mayBeAbsent.has(name))) {
    const skip = (title: string) => test.skip(`${title} [${reason}]`, () => {});
    return { isPresent: false, describe: skip, test: skip };
  }
  if (process.env.UNANIMOUS_TEST_REQUIRE === 'all') {
    const fail = () => {
      throw new Error(`${reason}; UNANIMOUS_TEST_REQUIRE=all allows no test to be skipped`);
    };
    return {
      isPresent: false,
      describe: (title) => describe(title, () => test('has what it needs', fail)),
      test: (title) => test(title, fail),
    };
  }
  return {
    isPresent: false,
    // The reason stands in the title: the summary reporter reads it there.
    describe: (title, body) => describe.skip(`${title} [${reason}]`, body),
    test: (title, body) => test.skip(`${title} [${reason}]`, body),
  };
}

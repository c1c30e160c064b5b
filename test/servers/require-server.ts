import { spawnSync } from 'node:child_process';
import { describe, test } from 'vitest';
import { postgresBinaries } from '../../examples/support/postgres-server.ts';
import { hasKafka } from './kafka.ts';
import { hasMariadb } from './mariadb.ts';
import { hasNats } from './nats.ts';
import { hasRabbitmq } from './rabbitmq.ts';
import { hasRedis } from './redis.ts';
import { hasSearchServer } from './search-server.ts';

/** A server that a test starts for itself. */
export type ServerName =
  | 'kafka'
  | 'mariadb'
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
  postgres: () => postgresIsPresent,
  rabbitmq: hasRabbitmq,
  redis: hasRedis,
  nats: hasNats,
  opensearch: () => hasSearchServer('opensearch'),
  elasticsearch: () => hasSearchServer('elasticsearch'),
};

const postgresIsPresent = (await postgresBinaries()) !== undefined;

/**
 * Runs tests where all the named servers can be started. Elsewhere they are skipped, and the run's
 * summary says "server absent: NAME"; with UNANIMOUS_TEST_REQUIRE=all they fail instead.
 */
export function serverOrSkip(...names: readonly ServerName[]): Needing {
  const absent = names.filter((name) => !serverIsPresent[name]());
  return needing(absent.map((name) => `server absent: ${name}`));
}

/** As `serverOrSkip`, for command-line tools: "command absent: NAME". */
export function commandOrSkip(...names: readonly CommandName[]): Needing {
  const absent = names.filter((name) => !commandIsPresent(name));
  return needing(absent.map((name) => `command absent: ${name}`));
}

/** What to spawn for a tool: `python` may be a virtual environment's, from UNANIMOUS_PYTHON. */
export function commandPath(name: CommandName): string {
  return name === 'python' ? process.env.UNANIMOUS_PYTHON || 'python3' : name;
}

function commandIsPresent(name: CommandName): boolean {
  const args = name === 'python' ? ['-c', 'import grpc, grpc_tools.protoc'] : ['--version'];
  return spawnSync(commandPath(name), args, { stdio: 'ignore' }).status === 0;
}

function needing(absent: readonly string[]): Needing {
  if (absent.length === 0) return { isPresent: true, describe, test };
  const reason = absent.join(', ');
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

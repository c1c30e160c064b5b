import { spawnSync } from 'node:child_process';
import { Redis } from 'ioredis';
import { freePort } from '../support/free-port.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ServerFolder } from '../../examples/support/server-folder.ts';
import { ServerProcess } from '../../examples/support/server-process.ts';

const binary = process.env.UNANIMOUS_REDIS_SERVER || 'redis-server';

/** Whether a Redis could be started here. */
export function hasRedis(): boolean {
  return spawnSync(binary, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** What the server keeps on disk: nothing, all that it confirmed, or what a snapshot caught. */
export type RedisPersistence = 'none' | 'fsync' | 'snapshots';

const persistence: Record<RedisPersistence, readonly string[]> = {
  none: ['--save', '', '--appendonly', 'no'],
  fsync: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
  snapshots: ['--save', '3600 1', '--appendonly', 'no'],
};

/** Starts a Redis of our own in a temporary folder, on a free port. */
export async function startRedis(kept: RedisPersistence, ...more: string[]): Promise<RedisServer> {
  const folder = new ServerFolder('unanimous-redis-', 'TERM');
  const port = await freePort();
  const listen = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder.path];
  const server = new RedisServer(folder, port, [...listen, ...persistence[kept], ...more]);
  try {
    await server.restart();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** A running (or killed, and to be restarted) Redis. */
export class RedisServer {
  readonly port: number;
  readonly #folder: ServerFolder;
  readonly #args: readonly string[];
  #process: ServerProcess | undefined;

  /** @internal Use `startRedis`. */
  constructor(folder: ServerFolder, port: number, args: readonly string[]) {
    this.#folder = folder;
    this.port = port;
    this.#args = args;
  }

  /** kill -9: what it had not written down is gone. */
  async kill9(): Promise<void> {
    await this.#process?.kill9();
  }

  /** Starts it again on the same port and data, after an orderly end if it still runs. */
  async restart(): Promise<void> {
    await this.#process?.end('SIGTERM', 5_000);
    const { path: cwd, user } = this.#folder;
    const started = new ServerProcess(binary, this.#args, { cwd, user });
    this.#process = started;
    this.#folder.watch([started.pid]);
    const what = 'Redis to answer';
    await waitUntil(async () => started.hasExited || (await this.#answers()), { what });
    if (started.hasExited) throw new Error(`Redis did not start: ${started.recentOutput}`);
  }

  /** Ends it for good and removes its folder; idempotent. */
  async stop(): Promise<void> {
    if (this.#process && !(await this.#process.end('SIGTERM', 5_000))) await this.#process.kill9();
    await this.#folder.remove();
  }

  async #answers(): Promise<boolean> {
    const client = new Redis({ port: this.port, lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => {}); // not up yet
    try {
      await client.connect();
      return (await client.ping()) === 'PONG';
    } catch {
      return false;
    } finally {
      client.disconnect();
    }
  }
}

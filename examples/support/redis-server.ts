import { spawnSync } from 'node:child_process';
import { Redis } from 'ioredis';
import { OneProcessServer } from './one-process-server.ts';

const binary = process.env.UNANIMOUS_REDIS_SERVER || 'redis-server';

/** A Redis of our own. */
export type RedisServer = OneProcessServer;

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
export function startRedis(kept: RedisPersistence, ...more: string[]): Promise<RedisServer> {
  return OneProcessServer.start({
    name: 'Redis',
    binary,
    args(folder, port) {
      const listen = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder.path];
      return [...listen, ...persistence[kept], ...more];
    },
    answers,
  });
}

async function answers(port: number): Promise<boolean> {
  const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null });
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

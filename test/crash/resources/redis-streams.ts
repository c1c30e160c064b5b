import { redisStreams } from '@unanimous/participant-sdk/redis';
import { Redis } from 'ioredis';
import type { InReverse } from '../../../examples/support/in-reverse.ts';
import { hasRedis, type RedisServer, startRedis } from '../../../examples/support/redis-server.ts';
import type { Effect, ResourceCase } from '../support/resource-case.ts';
import { hasClient, runClient } from '../support/run-client.ts';

/** What the participant needs to know of a Redis. */
export interface RedisSettings {
  readonly port: number;
}

/** Each transaction adds two entries to one stream. */
export const resourceCase: ResourceCase<RedisSettings> = {
  title: 'Redis, streams',
  module: import.meta.url,
  reader: 'redis-cli',
  promised: { parts: 2, repeats: 'none', order: 'within' },
  isPresent: () => hasRedis() && hasClient('redis-cli'),

  async start(parts) {
    const server = await durableRedis(parts);
    return {
      settings: { port: server.port },
      server,
      async read() {
        const [entries = []] = askRedis<[string, string[]][]>(server, ['XRANGE entries - +']);
        return entries.map(([, fields]) => {
          const at = (name: string) => fields[fields.indexOf(name) + 1] ?? '';
          return { ...(JSON.parse(at('content')) as Effect), id: at('id') };
        });
      },
    };
  },

  async serve(tm, rm, { port }) {
    const streams = await tm.serve(redisStreams({ rm, client: redisClient(port) }));
    return (effect: Effect) => streams.publish('entries', effect);
  },
};

/** A Redis that has on disk what it confirms. */
export async function durableRedis(parts: InReverse): Promise<RedisServer> {
  const server = await startRedis('fsync');
  parts.use({ [Symbol.asyncDispose]: () => server.stop() });
  return server;
}

/** A client as users make it. */
export function redisClient(port: number): Redis {
  const client = new Redis({ port, retryStrategy: () => 50 });
  client.on('error', () => {}); // it tries again
  return client;
}

/** What redis-cli answers to each command. */
export function askRedis<Answer>({ port }: RedisServer, commands: readonly string[]): Answer[] {
  const lines = runClient('redis-cli', ['-p', String(port), '--json'], commands.join('\n'));
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Answer);
}

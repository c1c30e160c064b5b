import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { type RedisCache, redisCache } from '@unanimous/participant-sdk/redis';
import { Redis } from 'ioredis';

/** A cache whose keys are set and removed, each time with a higher version. */
export function cacheSubject(port: number): ConformanceSubject<RedisCache> {
  let version = 0;
  let client: Redis | undefined;
  const connected = () => {
    if (client) return client;
    client = new Redis({ port, retryStrategy: () => 50 });
    client.on('error', () => {}); // it tries again
    return client;
  };
  return {
    kind: 'logged',
    make: (rm) => redisCache({ rm, client: connected() }),
    write: (resource, key, text) => resource.set(key, text, ++version),
    remove: (resource, key) => resource.remove(key, ++version),
    async read(key) {
      const text = await connected().hget(`cache:${key}`, 'v');
      return text === null ? [] : [JSON.parse(text) as string];
    },
    ordered: true,
    close: async () => client?.disconnect(),
  };
}

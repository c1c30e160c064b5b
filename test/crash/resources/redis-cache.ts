import { redisCache } from '@unanimous/participant-sdk/redis';
import { type Effect, type Found, type ResourceCase, sharedKey } from '../support/resource-case.ts';
import { askRedis, durableRedis, redisClient, type RedisSettings } from './redis-streams.ts';
import { resourceCase as streams } from './redis-streams.ts';

/** Each transaction sets a key of its own, and one that it shares, to a version that grows. */
export const resourceCase: ResourceCase<RedisSettings> = {
  ...streams,
  title: 'Redis, cache',
  module: import.meta.url,
  promised: { parts: 2, repeats: 'none', order: 'none', stays: 'highest' },

  async start(parts) {
    const server = await durableRedis(parts);
    return {
      settings: { port: server.port },
      server,
      async read() {
        const [keys = []] = askRedis<string[]>(server, ['KEYS cache:*-*']);
        const values = askRedis<string | null>(
          server,
          keys.map((key) => `HGET ${key} v`),
        );
        return values.flatMap((value) => (value === null ? [] : [JSON.parse(value) as Found]));
      },
    };
  },

  async serve(tm, rm, { port }) {
    const ttlMs = 24 * 3_600_000; // longer than any run
    const cache = await tm.serve(redisCache({ rm, client: redisClient(port), ttlMs }));
    return (effect: Effect) => {
      const { n, part } = effect;
      if (part === 0) return cache.set(`own-${n}`, effect, n);
      return cache.set(sharedKey(n), { ...effect, key: sharedKey(n) }, n);
    };
  },
};

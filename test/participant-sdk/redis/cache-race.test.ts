import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RedisCache } from '../../../participant-sdk/src/redis/index.ts';
import { type RedisServer, startRedis } from '../../../examples/support/redis-server.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { race, type RacingCache, type Row } from './cache-race.ts';
import { RedisFixture } from './redis-fixture.ts';

/** Marsaglia's xorshift, so that a race can be run again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const options = () => ({ keys: 3, writes: 300, readers: 24, random: seeded(20_261) });

serverOrSkip('redis').describe('no reader sees an older value than one seen before', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('none');
  }, 30_000);
  afterAll(() => server.stop());

  async function viaResource(fixture: RedisFixture, prefix: string, write: Write) {
    const cache = await fixture.cache({ prefix });
    const commit = async (work: () => Promise<void>) => {
      const transaction = await fixture.coordinator.begin(work);
      await transaction.prepare();
      await transaction.commit();
    };
    const racing: RacingCache = {
      read: async (key, load) =>
        (await cache.get(key, () => load().then(asLoaded(prefix)))) as number,
      written: (key, version) => commit(() => write(cache, key, version)),
    };
    return racing;
  }

  test.each<[string, Write]>([
    ['invalidate', (cache, key) => cache.invalidate(key)],
    ['set', (cache, key, version) => cache.set(key, version, version)],
    [
      'both',
      (cache, key, version) =>
        version % 2 ? cache.invalidate(key) : cache.set(key, version, version),
    ],
  ])(
    'with %s',
    async (name, write) => {
      await using fixture = new RedisFixture(server);
      const result = await race(await viaResource(fixture, `${name}:`, write), options());
      expect(result.wentBack).toBe(0);
      expect(result.reads).toBeGreaterThan(300);
      expect(result.loads).toBeLessThan(result.reads); // it did cache
    },
    60_000,
  );

  test('the check finds what is wrong with "write the database, then delete the key"', async () => {
    await using fixture = new RedisFixture(server);
    const redis = fixture.operator;
    const plain: RacingCache = {
      async read(key, load) {
        const cached = await redis.get(key);
        if (cached !== null) return Number(cached);
        const { version } = await load();
        await redis.set(key, version);
        return version;
      },
      async written(key) {
        await redis.del(key);
      },
    };
    expect((await race(plain, options())).wentBack).toBeGreaterThan(0);
  }, 60_000);
});

type Write = (cache: RedisCache, key: string, version: number) => Promise<void>;

/** Where nothing is set with a version, readers need not know one. */
function asLoaded(prefix: string) {
  return ({ version }: Row) =>
    prefix === 'invalidate:' ? { value: version } : { value: version, version };
}

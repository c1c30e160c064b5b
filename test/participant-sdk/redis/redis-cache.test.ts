import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TransactionClient } from '@unanimous/participant-sdk';
import type { RedisCache } from '../../../participant-sdk/src/redis/index.ts';
import { type RedisServer, startRedis } from '../../../examples/support/redis-server.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { type Driver, RedisFixture } from './redis-fixture.ts';

/** A load that says what it found and counts. */
function finding<T>(value: T | undefined, version?: number) {
  const load = async () => {
    load.calls++;
    return version === undefined ? { value } : { value, version };
  };
  load.calls = 0;
  return load;
}

const nothing = finding(undefined);

serverOrSkip('redis').describe('a Redis cache', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('none');
  }, 30_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    await using fixture = new RedisFixture(server);
    await fixture.operator.flushall();
  });

  describe.each<Driver>(['ioredis', 'node-redis'])('with %s', (driver) => {
    test('serves what the first reader loaded, until a transaction that invalidates commits', async () => {
      await using fixture = new RedisFixture(server, driver);
      const cache = await fixture.cache();
      const first = finding({ price: 3 });
      expect(await cache.get('a', first)).toEqual({ price: 3 });
      const second = finding({ price: 4 });
      expect(await cache.get('a', second)).toEqual({ price: 3 });

      const aborted = await fixture.coordinator.begin(() => cache.invalidate('a'));
      await aborted.prepare();
      await aborted.abort();
      expect(await cache.get('a', second)).toEqual({ price: 3 });
      await fixture.coordinator.commit(() => cache.invalidate('a'));
      expect(await cache.get('a', second)).toEqual({ price: 4 });
      expect([first.calls, second.calls]).toEqual([1, 1]);
    });

    test('set puts the newest version in place, in whichever order they arrive', async () => {
      await using fixture = new RedisFixture(server, driver);
      const cache = await fixture.cache();
      const second = await fixture.coordinator.begin(() => cache.set('a', 'second', 2));
      const third = await fixture.coordinator.begin(() => cache.set('a', 'third', 3));
      await Promise.all([second.prepare(), third.prepare()]);
      await third.commit();
      expect(await cache.get('a', nothing)).toBe('third');
      await second.commit();
      await third.commit(); // again, as after a lost acknowledgement
      expect(await cache.get('a', nothing)).toBe('third');
    });

    test('a removed row stays removed, whatever older write comes late', async () => {
      await using fixture = new RedisFixture(server, driver);
      const cache = await fixture.cache();
      const late = await fixture.coordinator.begin(() => cache.set('a', 'old', 4));
      await late.prepare();
      await fixture.coordinator.commit(() => cache.remove('a', 5));
      await late.commit();
      expect(await cache.get('a', nothing)).toBeUndefined();
      await fixture.coordinator.commit(() => cache.set('a', 'new', 6));
      expect(await cache.get('a', finding('new', 6))).toBe('new');
    });
  });

  test('a slow reader cannot put an old value back: it reads again', async () => {
    await using fixture = new RedisFixture(server);
    const cache = await fixture.cache();
    let stored = 'old';
    let loads = 0;
    const read = cache.get('a', async () => {
      const value = stored;
      if (++loads === 1) {
        stored = 'new';
        await fixture.coordinator.commit(() => cache.invalidate('a'));
      }
      return { value };
    });
    expect(await read).toBe('new');
    expect(loads).toBe(2);
    expect(await cache.get('a', nothing)).toBe('new');
  });

  test('a set that comes late loses against what a reader has seen since', async () => {
    await using fixture = new RedisFixture(server);
    const cache = await fixture.cache({ ttlMs: 30 });
    const late = await fixture.coordinator.begin(() => cache.set('a', 'second', 2));
    await late.prepare();
    expect(await cache.get('a', finding('third', 3))).toBe('third');
    const gone = async () => !(await fixture.operator.hget('cache:a', 'v'));
    await delay(31); // the value is no longer served, its version is still known
    await late.commit();
    expect(await gone()).toBe(false); // as it was: not served, not replaced
    expect(await cache.get('a', finding('third', 3))).toBe('third');
  });

  test('a set while a reader loads leaves its version, and the reader decides', async () => {
    await using fixture = new RedisFixture(server);
    const cache = await fixture.cache();
    const late = await fixture.coordinator.begin(() => cache.set('a', 'second', 2));
    await late.prepare();
    const read = cache.get('a', async () => {
      await late.commit();
      return { value: 'third', version: 3 };
    });
    expect(await read).toBe('third');
    expect(await cache.get('a', nothing)).toBe('third');
  });

  test('one reader loads, the others wait for it', async () => {
    await using fixture = new RedisFixture(server);
    const caches = await Promise.all(Array.from({ length: 4 }, () => fixture.cache()));
    let loads = 0;
    const load = async () => {
      loads++;
      await delay(20);
      return { value: 7 };
    };
    const reads = caches.flatMap((cache) =>
      Array.from({ length: 25 }, () => cache.get('hot', load)),
    );
    expect(new Set(await Promise.all(reads))).toEqual(new Set([7]));
    expect(loads).toBe(1);
  });

  test('a load that fails keeps nobody waiting, nor does a row that is not there', async () => {
    await using fixture = new RedisFixture(server);
    const cache = await fixture.cache();
    const failed = cache.get('a', () => Promise.reject(new Error('no database')));
    await expect(failed).rejects.toThrow('no database');
    const began = performance.now();
    expect(await cache.get('a', nothing)).toBeUndefined();
    expect(await cache.get('a', finding(0))).toBe(0);
    expect(performance.now() - began).toBeLessThan(1_500); // a lease lasts longer
  });

  test('inside a transaction a reader sees its own writes and leaves nothing in the cache', async () => {
    await using fixture = new RedisFixture(server);
    const cache = await fixture.cache();
    expect(await cache.get('a', finding('committed'))).toBe('committed');
    using dir = tempDir();
    await using tm = await TransactionClient.embedded({ data: dir.file('log') });
    await tm.transaction(async () => {
      expect(await cache.get('a', finding('uncommitted'))).toBe('uncommitted');
    });
    expect(await cache.get('a', nothing)).toBe('committed');
  });

  test('what was set with a version must be loaded with one', async () => {
    await using fixture = new RedisFixture(server);
    const cache = await fixture.cache();
    await fixture.coordinator.commit(() => cache.remove('a', 2));
    const refused = cache.get('a', finding('x'));
    await expect(refused).rejects.toMatchObject({
      code: 'invalid-argument',
      message: 'version: "cache:a" was set with one, and load gave none',
    });
    const write = fixture.coordinator.commit(() => cache.set('a', 'x', 1.5));
    await expect(write).rejects.toThrow('version: 1.5 is not a whole number from 0');
  });

  test.each(['a\0b', 'ключ', "'; FLUSHALL --", 'x'.repeat(10_000)])(
    'any text is a key',
    async (key) => {
      await using fixture = new RedisFixture(server);
      const cache = await fixture.cache();
      expect(await cache.get(key, finding(key))).toBe(key);
      await fixture.coordinator.commit(() => cache.invalidate(key));
      expect(await cache.get(key, finding('new'))).toBe('new');
    },
  );
});

serverOrSkip('redis').describe('a Redis', () => {
  const invalidate = async (fixture: RedisFixture, cache: RedisCache) => {
    const transaction = await fixture.coordinator.begin(() => cache.invalidate('a'));
    await transaction.prepare();
    return transaction;
  };

  test('that is down stops no reader, and is a no before the decision', async () => {
    const server = await startRedis('none');
    try {
      await using fixture = new RedisFixture(server);
      const cache = await fixture.cache({ checkTimeoutMs: 100 });
      const patient = await fixture.cache({ commitWhileDown: true });
      const decided = await invalidate(fixture, cache);
      await server.kill9();
      const refused = invalidate(fixture, cache);
      await expect(refused).rejects.toMatchObject({ code: 'rm-unavailable', retryable: true });
      const waiting = await invalidate(fixture, patient);
      await server.restart();
      for (const transaction of [decided, waiting]) {
        expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
      }
      expect(await cache.get('a', finding('new'))).toBe('new');
    } finally {
      await server.stop();
    }
  });

  test('that restarts with an old snapshot serves nothing of it', async () => {
    const server = await startRedis('snapshots');
    try {
      await using fixture = new RedisFixture(server);
      const cache = await fixture.cache();
      await cache.get('a', finding('old'));
      await fixture.operator.save();
      await (await invalidate(fixture, cache)).commit(); // confirmed, and then lost with the server
      await server.kill9();
      await server.restart();
      await waitUntil(() => fixture.operator.ping(), { what: 'the client to be back' });
      expect(await fixture.operator.hget('cache:a', 'v')).toBe('"old"');
      expect(await cache.get('a', finding('new'))).toBe('new');
      expect(await cache.get('a', nothing)).toBe('new');
    } finally {
      await server.stop();
    }
  });

  test('that was a replica and missed an invalidation serves nothing of before', async () => {
    const primary = await startRedis('none');
    const replica = await startRedis('none');
    try {
      await using before = new RedisFixture(primary);
      await using after = new RedisFixture(replica);
      const cache = await before.cache();
      await cache.get('a', finding('old'));
      await after.operator.replicaof('127.0.0.1', primary.port);
      const hasIt = () => after.operator.hget('cache:a', 'v');
      await waitUntil(hasIt, { what: 'the replica to have the value', timeoutMs: 10_000 });
      const replicaCache = await after.cache();
      await expect(invalidate(after, replicaCache)).rejects.toMatchObject({
        code: 'rm-unavailable',
        hint: 'This is a replica. Connect to the primary.',
      });
      await primary.kill9();
      await after.operator.replicaof('NO', 'ONE');
      expect(await hasIt()).toBe('"old"');
      expect(await replicaCache.get('a', finding('new'))).toBe('new');
    } finally {
      await primary.stop();
      await replica.stop();
    }
  });

  test('that is out of memory, or lets us not in, is a no that says so', async () => {
    const server = await startRedis('none');
    try {
      await using fixture = new RedisFixture(server);
      const cache = await fixture.cache();
      await fixture.operator.config('SET', 'maxmemory', '100kb'); // less than it uses empty
      await expect(invalidate(fixture, cache)).rejects.toMatchObject({
        code: 'rm-unavailable',
        message: expect.stringContaining('OOM'),
        hint: expect.stringContaining('maxmemory'),
      });
      await fixture.operator.config('SET', 'requirepass', 's3cret');
      const locked = fixture.cache();
      const refused = await locked.catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'rm-unavailable', retryable: false });
      expect(String(refused)).toContain('NOAUTH');
    } finally {
      await server.stop();
    }
  });

  test('that gives its users no more rights than docs/redis.md lists serves both', async () => {
    const page = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8');
    const rights = [...page.matchAll(/`(~[^`]+)`/g)].map(([, list = '']) => list.split(/\s+/));
    const [forCache = [], forStreams = []] = rights;
    const server = await startRedis('fsync');
    try {
      await using fixture = new RedisFixture(server);
      await fixture.operator.call('ACL', 'SETUSER', 'cache', 'on', '>c', ...forCache);
      await fixture.operator.call('ACL', 'SETUSER', 'streams', 'on', '>s', ...forStreams);
      const as = (username: string) => fixture.client({ username, password: username.slice(0, 1) });
      const cache = await fixture.cache({ client: await as('cache'), prefix: 'shop:' });
      const streams = await fixture.streams({ client: await as('streams') });
      expect(await cache.get('a', finding('old', 1))).toBe('old');
      await fixture.coordinator.commit(async () => {
        await cache.set('a', 'new', 2);
        await cache.invalidate('b');
        await streams.publish('orders', 1);
        await streams.acknowledge('orders', 'none', '1-1');
      });
      expect(await cache.get('a', nothing)).toBe('new');
      expect(await fixture.operator.xlen('orders')).toBe(1);
    } finally {
      await server.stop();
    }
  });
});

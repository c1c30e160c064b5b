import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../../../examples/support/redis-server.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { type Driver, RedisFixture } from './redis-fixture.ts';

/** The entries of a stream, their fields as an object. */
async function entriesOf({ operator }: RedisFixture, stream: string) {
  const entries = await operator.xrange(stream, '-', '+');
  return entries.map(([entry, fields]) => {
    const pairs = fields.flatMap((name, n) => (n % 2 ? [] : [[name, fields[n + 1] ?? '']]));
    return { entry, ...(Object.fromEntries(pairs) as Record<string, string>) };
  });
}

const contents = async (fixture: RedisFixture, stream: string) =>
  (await entriesOf(fixture, stream)).map((entry) => ('content' in entry ? entry.content : ''));

serverOrSkip('redis').describe('Redis Streams', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('fsync');
  }, 30_000);
  afterAll(() => server.stop());

  test.each<Driver>(['ioredis', 'node-redis'])(
    'a committed transaction adds, once, in order, however often it is applied: %s',
    async (driver) => {
      await using fixture = new RedisFixture(server, driver);
      const here = await fixture.streams();
      const there = await fixture.streams();
      const stream = `orders-${driver}`;
      const transaction = await fixture.coordinator.begin(async () => {
        await here.publish(stream, { id: 7 }, { fields: { kind: 'placed' } });
        await here.publish(stream, 'second');
      });
      await transaction.prepare();
      expect(await entriesOf(fixture, stream)).toEqual([]);
      const decided = transaction.decided(here);
      await Promise.all([
        here.commit(transaction.id(here), decided),
        there.commit(transaction.id(here), decided),
      ]);
      await there.commit(transaction.id(here), decided);
      const { gid } = transaction;
      expect(await entriesOf(fixture, stream)).toMatchObject([
        { id: `${gid}/1/0`, gid, position: '1.1.0', content: '{"id":7}', kind: 'placed' },
        { id: `${gid}/1/1`, gid, position: '1.1.1', content: '"second"' },
      ]);
    },
  );

  test('an aborted transaction adds nothing', async () => {
    await using fixture = new RedisFixture(server);
    const streams = await fixture.streams();
    const transaction = await fixture.coordinator.begin(() => streams.publish('none', 1));
    await transaction.prepare();
    await transaction.abort();
    expect(await entriesOf(fixture, 'none')).toEqual([]);
  });

  test('what was read is acknowledged with what it caused, or not at all', async () => {
    await using fixture = new RedisFixture(server);
    const streams = await fixture.streams();
    const { operator, coordinator } = fixture;
    await operator.xgroup('CREATE', 'in', 'workers', '$', 'MKSTREAM');
    await coordinator.commit(() => streams.publish('in', 'work'));
    const read = () => operator.xreadgroup('GROUP', 'workers', 'w1', 'STREAMS', 'in', '>');
    const [[, [[entry]]]] = (await read()) as [[string, [[string]]]];
    const pending = async () => (await operator.xpending('in', 'workers'))[0];
    const work = async () => {
      await streams.acknowledge('in', 'workers', entry);
      await streams.publish('out', 'done');
    };
    const aborted = await coordinator.begin(work);
    await aborted.prepare();
    await aborted.abort();
    expect([await pending(), await contents(fixture, 'out')]).toEqual([1, []]);
    await coordinator.commit(work);
    expect([await pending(), await contents(fixture, 'out')]).toEqual([0, ['"done"']]);
  });

  test('ids are kept until the low-water mark has passed them', async () => {
    await using fixture = new RedisFixture(server);
    const streams = await fixture.streams();
    const { operator, coordinator } = fixture;
    for (let n = 0; n < 5; n++) await coordinator.commit(() => streams.publish('ids', n));
    const key = `unanimous:ids:{ids}:${coordinator.logId}`;
    expect(await operator.zcard(key)).toBe(5);
    const last = await coordinator.begin(() => streams.publish('ids', 5));
    await last.prepare();
    await last.commit(4);
    expect(await operator.zrange(key, 0, -1, 'WITHSCORES')).toHaveLength(2 * 3); // 4, 5 and 6
  });

  test('a stream that is bounded keeps about so many entries', async () => {
    await using fixture = new RedisFixture(server);
    const streams = await fixture.streams({ maxLength: 100 });
    await fixture.coordinator.commit(async () => {
      for (let n = 0; n < 500; n++) await streams.publish('bounded', n);
    });
    expect(await fixture.operator.xlen('bounded')).toBeLessThanOrEqual(200);
  });

  test('a key that holds something else is a no that names it', async () => {
    await using fixture = new RedisFixture(server);
    const streams = await fixture.streams();
    await fixture.operator.set('text', 'x');
    const transaction = await fixture.coordinator.begin(() => streams.publish('text', 1));
    await expect(transaction.prepare()).rejects.toMatchObject({
      code: 'unroutable',
      message: '"text" is a string, not a stream',
    });
    const later = await fixture.coordinator.begin(() => streams.publish('becomes', 1));
    await later.prepare();
    await fixture.operator.set('becomes', 'x');
    await expect(later.commit()).rejects.toMatchObject({ code: 'unroutable' });
    await fixture.operator.del('becomes');
    expect(await later.commit()).toEqual([{ result: 'committed' }]);
    expect(await contents(fixture, 'becomes')).toEqual(['1']);
  });

  test.each([
    ['', 1, {}, 'stream: names nothing'],
    ['s', new Map(), {}, 'content: a Map does not survive JSON'],
    ['s', 1, { fields: { gid: 'x' } }, 'fields.gid: is a field of ours'],
    ['s', 1, { fields: { n: 1 as unknown as string } }, 'fields.n: is not a text'],
  ])(
    'publishing to %o refuses what could not be applied (%#)',
    async (name, value, options, words) => {
      await using fixture = new RedisFixture(server);
      const streams = await fixture.streams();
      const publish = fixture.coordinator.commit(() => streams.publish(name, value, options));
      await expect(publish).rejects.toMatchObject({ code: 'invalid-argument', message: words });
    },
  );

  test('an entry that is none cannot be acknowledged', async () => {
    await using fixture = new RedisFixture(server);
    const streams = await fixture.streams();
    const work = fixture.coordinator.commit(() => streams.acknowledge('s', 'g', '*'));
    await expect(work).rejects.toThrow('entry: "*" is no entry');
  });

  describe('kill -9 of the server', () => {
    test('loses nothing and doubles nothing', async () => {
      await using fixture = new RedisFixture(server);
      const streams = await fixture.streams({ applyTimeoutMs: 300 });
      const transaction = await fixture.coordinator.begin(async () => {
        for (let n = 0; n < 100; n++) await streams.publish('killed', n);
      });
      await transaction.prepare();
      const commit = transaction.commit().catch((error: unknown) => error);
      const some = async () => (await fixture.operator.xlen('killed')) > 10;
      await waitUntil(some, { what: 'some entries' });
      await server.kill9();
      await commit;
      await server.restart();
      const done = await waitUntil(() => transaction.commit().catch(() => undefined), {
        what: 'the commit after the restart',
      });
      expect(done).toEqual([{ result: 'committed' }]);
      const wanted = Array.from({ length: 100 }, (_, n) => String(n));
      expect(await contents(fixture, 'killed')).toEqual(wanted);
    });
  });
});

serverOrSkip('redis').test(
  'a Redis that may lose what it confirms is refused, unless told',
  async () => {
    const server = await startRedis('none');
    try {
      await using fixture = new RedisFixture(server);
      await expect(fixture.streams()).rejects.toMatchObject({
        code: 'rm-unavailable',
        retryable: false,
        message: expect.stringContaining('appendonly no'),
        hint: expect.stringContaining("durability: 'memory'"),
      });
      const streams = await fixture.streams({ durability: 'memory' });
      await fixture.coordinator.commit(() => streams.publish('orders', 1));
      expect(await contents(fixture, 'orders')).toEqual(['1']);
    } finally {
      await server.stop();
    }
  },
);

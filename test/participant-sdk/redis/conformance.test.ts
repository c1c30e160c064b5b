import { afterAll, beforeAll, describe } from 'vitest';
import { TcpRelay } from '../../integration/support/tcp-relay.ts';
import { type RedisServer, startRedis } from '../../../examples/support/redis-server.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { testConformance } from '../support/run-conformance.ts';
import { bullmqSubject } from './bullmq-subject.ts';
import { cacheSubject } from './cache-subject.ts';
import { conformanceSubject } from './conformance-subject.ts';

serverOrSkip('redis').describe('Redis', () => {
  let redis: RedisServer;
  let relay: TcpRelay;
  let streams: ReturnType<typeof conformanceSubject>;
  let cache: ReturnType<typeof cacheSubject>;
  let jobs: ReturnType<typeof bullmqSubject>;
  beforeAll(async () => {
    redis = await startRedis('fsync');
    relay = await TcpRelay.start(`127.0.0.1:${redis.port}`);
    const port = Number(relay.address.split(':')[1]);
    streams = conformanceSubject({ port, readerPort: redis.port });
    cache = cacheSubject(redis.port);
    jobs = bullmqSubject(redis.port);
  }, 30_000);
  afterAll(async () => {
    await Promise.all([streams?.close?.(), cache?.close?.(), jobs?.close?.()]);
    await relay?.[Symbol.asyncDispose]();
    await redis?.stop();
  });

  describe('streams conform', () => {
    const more = {
      server: { stop: () => redis.kill9(), start: () => redis.restart() },
      hang: async () => {
        relay.holdAnswers();
        return async () => relay.releaseAnswers();
      },
    };
    const shape = conformanceSubject({ port: 0, readerPort: 0 });
    testConformance({ ...shape, ...more }, () => ({ ...streams, ...more }));
  });

  describe('the cache conforms', () => {
    testConformance(cacheSubject(0), () => cache);
  });

  describe('BullMQ conforms', () => {
    testConformance(bullmqSubject(0), () => jobs);
  });
});

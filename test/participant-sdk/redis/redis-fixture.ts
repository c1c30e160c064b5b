import { Redis } from 'ioredis';
import { createClient } from 'redis';
import {
  type RedisCacheOptions,
  redisCache,
  type RedisClient,
  redisStreams,
  type RedisStreamsOptions,
} from '../../../participant-sdk/src/redis/index.ts';
import type { RedisServer } from '../../../examples/support/redis-server.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';

/** The drivers that users have. */
export type Driver = 'ioredis' | 'node-redis';

interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
}

/** Resources on a running Redis, each with a client of its own, and an operator's client beside. */
export class RedisFixture {
  readonly coordinator = new TestCoordinator();
  readonly operator: Redis;
  readonly #server: RedisServer;
  readonly #driver: Driver;
  readonly #close: (() => unknown)[] = [];

  constructor(server: RedisServer, driver: Driver = 'ioredis') {
    this.#server = server;
    this.#driver = driver;
    this.operator = this.#ioredis();
  }

  /** A client as a user makes it. */
  async client(options: RedisLogin = {}): Promise<RedisClient> {
    if (this.#driver === 'ioredis') return this.#ioredis(options);
    const client = createClient({ socket: { port: this.#server.port }, ...options });
    client.on('error', () => {}); // it tries again
    await client.connect();
    this.#close.push(() => client.destroy());
    return client;
  }

  async cache(options: Partial<RedisCacheOptions> = {}) {
    const resource = redisCache({ rm: 'cache', client: await this.client(), ...options });
    return this.coordinator.serve(resource);
  }

  async streams(options: Partial<RedisStreamsOptions> = {}) {
    const resource = redisStreams({ rm: 'streams', client: await this.client(), ...options });
    return this.coordinator.serve(resource);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#close) await close();
  }

  #ioredis(options: RedisLogin = {}): Redis {
    const retryStrategy = () => 50;
    const client = new Redis({ port: this.#server.port, retryStrategy, ...options });
    client.on('error', () => {}); // it tries again
    this.#close.push(() => client.disconnect());
    return client;
  }
}

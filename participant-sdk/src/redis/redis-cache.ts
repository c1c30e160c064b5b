import { UnanimousError } from '@unanimous/proto';
import type { PlacedEffect } from '../logged/effect.ts';
import { effectText } from '../logged/effect-text.ts';
import { type ApplyTry, type LoggedOptions, LoggedResource } from '../logged/logged-resource.ts';
import { currentTransaction } from '../participant/scope.ts';
import type { Resource, RmIdentity } from '../resource.ts';
import { CacheReader, type Loaded } from './cache-reader.ts';
import { cacheScript } from './cache-script.ts';
import type { RedisClient } from './redis-client.ts';
import { RedisServer } from './redis-server.ts';
import { wholeNumber } from './whole-number.ts';

/** Settings of a cache. */
export interface RedisCacheOptions extends LoggedOptions {
  /** A connected client of ioredis or node-redis. It stays yours to close. */
  readonly client: RedisClient;
  /** Goes before each key; `cache:` unless told. Services that share a cache use the same. */
  readonly prefix?: string;
  /** How long a value is served at most; 300,000 unless told. */
  readonly ttlMs?: number;
  /**
   * How long the version of a value is known after the value is gone; 3,600,000 unless told. A `set`
   * that is applied later than this may put an old value back, for at most `ttlMs`.
   */
  readonly keepVersionsMs?: number;
  /**
   * True: transactions commit while Redis is down; what they wrote to the cache is applied when it
   * is back. Unless told they abort, because readers could see old values for so long.
   */
  readonly commitWhileDown?: boolean;
  /** How long Redis may take to say that it takes writes; 2,000 unless told. */
  readonly checkTimeoutMs?: number;
  /** What the name stands for; `redis:PREFIX` unless told. */
  readonly identity?: string;
}

/** A cache that takes part in transactions and never goes back in time. See docs/redis.md. */
export interface RedisCache extends Resource {
  /**
   * The cached value, or what `load` finds, which is then cached. Inside a transaction, and while
   * Redis can't be reached, it is always `load`. Read the primary, and await `load`'s reads in it.
   * @throws what `load` throws; UnanimousError `invalid-argument` for what JSON would change.
   */
  get<T>(key: string, load: () => Promise<Loaded<T>>): Promise<T | undefined>;
  /**
   * Within the current transaction: forgets the value when it commits. Always right; start here.
   * @throws UnanimousError `no-transaction` outside of one, and those of enlisting.
   */
  invalidate(key: string): Promise<void>;
  /**
   * Within the current transaction: puts the new value in place when it commits, unless a newer
   * version is there. `version` is a whole number that grows with each change of the row.
   * @throws UnanimousError as `invalidate`, and `invalid-argument`.
   */
  set(key: string, value: unknown, version: number): Promise<void>;
  /** As `set`, for a row that is deleted: older versions stay out. */
  remove(key: string, version: number): Promise<void>;
}

/** Makes a cache of a Redis server. It is logged: readers see old values until shortly after the decision. */
export function redisCache(options: RedisCacheOptions): RedisCache {
  return new RedisCacheResource(options);
}

type CacheEffect =
  | { readonly do: 'invalidate'; readonly key: string }
  | { readonly do: 'set'; readonly key: string; readonly value: string; readonly version: number }
  | { readonly do: 'remove'; readonly key: string; readonly version: number };

class RedisCacheResource extends LoggedResource<CacheEffect> implements RedisCache {
  readonly appliesUnasked = true;
  readonly #server: RedisServer;
  readonly #options: RedisCacheOptions;
  readonly #prefix: string;
  readonly #ttlMs: string;
  readonly #keepMs: string;

  constructor(options: RedisCacheOptions) {
    super(options);
    const { prefix = 'cache:', ttlMs = 300_000, keepVersionsMs = 3_600_000 } = options;
    this.#options = options;
    this.#server = new RedisServer(options);
    this.#prefix = prefix;
    this.#ttlMs = String(wholeNumber('ttlMs', ttlMs, 1));
    this.#keepMs = String(wholeNumber('keepVersionsMs', keepVersionsMs, 1));
  }

  async get<T>(key: string, load: () => Promise<Loaded<T>>): Promise<T | undefined> {
    if (currentTransaction()) return (await load()).value; // it may see what is not committed
    const reader = new CacheReader(this.#server, this.#prefix + key, {
      keepMs: this.#keepMs,
      ttlMs: this.#ttlMs,
    });
    return reader.read(load);
  }

  invalidate(key: string): Promise<void> {
    return this.#stage({ do: 'invalidate', key });
  }

  set(key: string, value: unknown, version: number): Promise<void> {
    const text = effectText(value, { name: 'value', allowToJson: true });
    return this.#stage({
      do: 'set',
      key,
      value: text,
      version: wholeNumber('version', version, 0),
    });
  }

  remove(key: string, version: number): Promise<void> {
    return this.#stage({ do: 'remove', key, version: wholeNumber('version', version, 0) });
  }

  protected async connect(): Promise<RmIdentity> {
    await this.#server.checkVersion();
    const { identity = `redis:${this.#prefix}` } = this.#options;
    return { identity, incarnation: '1' };
  }

  protected async checkEffects(): Promise<void> {
    const { commitWhileDown = false, checkTimeoutMs = 2_000 } = this.#options;
    if (commitWhileDown) return;
    await this.#server.probe(`${this.#prefix}unanimous:probe`, checkTimeoutMs);
  }

  protected async applyEffects(
    effects: readonly PlacedEffect<CacheEffect>[],
    { settle }: ApplyTry,
  ): Promise<void> {
    for (const { effect, place } of effects) {
      await this.#apply(effect);
      settle(place.index, { is: 'applied' });
    }
  }

  #apply(effect: CacheEffect): Promise<unknown> {
    switch (effect.do) {
      case 'invalidate':
        return this.#run('invalidate', effect.key);
      case 'set':
        return this.#run('set', effect.key, effect.value, String(effect.version), this.#ttlMs);
      case 'remove':
        return this.#run('remove', effect.key, String(effect.version));
    }
  }

  async #stage(effect: CacheEffect): Promise<void> {
    if (typeof effect.key !== 'string') {
      throw new UnanimousError('invalid-argument', 'key: is not a text', { rm: this.rm });
    }
    await this.stage(JSON.stringify(effect));
  }

  #run(operation: string, key: string, ...args: readonly string[]): Promise<unknown> {
    return this.#server.run(cacheScript, [this.#prefix + key], [operation, this.#keepMs, ...args]);
  }
}

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { UnanimousError } from '@unanimous/proto';
import { effectText } from '../logged/effect-text.ts';
import { cacheScript } from './cache-script.ts';
import type { RedisServer } from './redis-server.ts';
import { wholeNumber } from './whole-number.ts';

/** What a reader found in the database. */
export interface Loaded<T> {
  /** Undefined: there is no such thing, and nothing is kept. */
  readonly value: T | undefined;
  /** The row's version, where transactions `set` this key. */
  readonly version?: number;
}

/** How long one reader alone may load; doubled each time that it was too slow. */
const leaseMs = 3_000;
const mostLoads = 5;
const longestPauseMs = 40;

/** Reads one key through the cache, once. */
export class CacheReader {
  readonly #server: RedisServer;
  readonly #key: string;
  readonly #keepMs: string;
  readonly #ttlMs: string;

  constructor(
    server: RedisServer,
    key: string,
    { keepMs, ttlMs }: { readonly keepMs: string; readonly ttlMs: string },
  ) {
    this.#server = server;
    this.#key = key;
    this.#keepMs = keepMs;
    this.#ttlMs = ttlMs;
  }

  /** The value that the cache holds, or holds from now on. While Redis is away, what `load` finds. */
  async read<T>(load: () => Promise<Loaded<T>>): Promise<T | undefined> {
    for (let loads = 1; ; loads++) {
      const lease = randomUUID();
      const found = await this.#find(lease, leaseMs * 2 ** (loads - 1)).catch(
        () => 'away' as const,
      );
      if (found === 'away') return (await load()).value; // it stops nobody from reading
      if (found !== 'load') return JSON.parse(found.slice(1)) as T;
      const loaded = await this.#load(lease, load);
      if ((await this.#keep(lease, loaded)) || loads === mostLoads) return loaded.value;
      // What was loaded may be older than what others have seen since: it is not returned.
    }
  }

  /** `v` and the value, or `load` when it is ours to load. Waits while another reader loads. */
  async #find(lease: string, ms: number): Promise<string> {
    for (let pauseMs = 2; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      const found = String(await this.#run('get', lease, String(ms)));
      if (found !== 'wait') return found;
      await delay(pauseMs);
    }
  }

  async #load<T>(lease: string, load: () => Promise<Loaded<T>>): Promise<Loaded<T>> {
    try {
      return await load();
    } catch (error) {
      await this.#run('none', lease).catch(() => {}); // the next reader need not wait
      throw error;
    }
  }

  /** False when the value must not be returned. */
  async #keep<T>(lease: string, { value, version }: Loaded<T>): Promise<boolean> {
    if (value === undefined) return (await this.#run('none', lease).catch(() => 1)) === 1;
    const text = effectText(value, { name: 'value', allowToJson: true });
    const known = version === undefined ? '' : String(wholeNumber('version', version, 0));
    const filled = await this.#run('fill', lease, text, known, this.#ttlMs).catch(() => 1);
    if (filled === -1) throw this.#needsVersion();
    return filled === 1;
  }

  #run(operation: string, ...args: readonly string[]): Promise<unknown> {
    return this.#server.run(cacheScript, [this.#key], [operation, this.#keepMs, ...args]);
  }

  #needsVersion(): UnanimousError {
    const message = `version: ${JSON.stringify(this.#key)} was set with one, and load gave none`;
    return new UnanimousError('invalid-argument', message, {
      hint: 'Return { value, version } from load, or invalidate this key instead of setting it.',
    });
  }
}

import { AsyncResource } from 'node:async_hooks';
import { callBack } from './lease.ts';
import type { PostgresJs } from './postgres-js-driver.ts';
import { PostgresJsClient } from './postgres-js-client.ts';
import type { PgModule } from './transactional-pool.ts';

type ConnectCallback = (error: Error | undefined, client?: PostgresJsClient) => void;

/** What phase two and branches ask of a pool, in the words of pg. */
interface PoolOptions {
  readonly max?: number;
  readonly application_name?: string;
  readonly connectionTimeoutMillis?: number;
  readonly query_timeout?: number;
}

interface Source {
  readonly postgres: PostgresJs;
  readonly options: any;
}

/** Connections of postgres.js that are lent out one by one, in the manner of `pg.Pool`. */
export class PostgresJsPool {
  readonly #source: Source;
  readonly #options: PoolOptions;
  readonly #idle: PostgresJsClient[] = [];
  readonly #waiting: ConnectCallback[] = [];
  // A socket made inside a transaction would carry it into every callback it ever calls.
  readonly #outside = new AsyncResource('unanimous.postgres-js.pool');
  #count = 0;
  ending = false;

  constructor(source: Source, options: PoolOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Nothing is ever emitted: what is idle and lost leaves the pool quietly. */
  on(): this {
    return this;
  }

  connect(callback: ConnectCallback): void {
    if (this.ending) {
      callback(new Error('Cannot use a pool after calling end on the pool'));
      return;
    }
    const idle = this.#idle.pop();
    if (idle) callback(undefined, idle);
    else if (this.#count < (this.#options.max ?? 10)) settle(this.#open(), callback);
    else this.#wait(callback);
  }

  /** Closes what is idle; what is lent out is closed when it comes back. Idempotent. */
  async end(): Promise<void> {
    this.ending = true;
    for (const client of this.#idle.splice(0)) this.#close(client);
    const error = new Error('Cannot use a pool after calling end on the pool');
    for (const callback of this.#waiting.splice(0)) callback(error);
  }

  async #open(): Promise<PostgresJsClient> {
    this.#count += 1;
    const { application_name: applicationName, query_timeout: queryTimeoutMs } = this.#options;
    const options = { ...this.#source, applicationName, queryTimeoutMs };
    try {
      const connecting = () => PostgresJsClient.connect(options);
      const client = await this.#outside.runInAsyncScope(connecting);
      const release = (broken?: unknown) => this.#takeBack(client, Boolean(broken));
      client.on('error', () => this.#forget(client));
      return Object.assign(client, { release });
    } catch (error) {
      this.#count -= 1;
      this.#serveNext();
      throw error;
    }
  }

  #wait(callback: ConnectCallback): void {
    const waiter: ConnectCallback = (error, client) => {
      clearTimeout(timer);
      callback(error, client);
    };
    const late = () => {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      callback(new Error('timeout exceeded when trying to connect'));
    };
    const limitMs = this.#options.connectionTimeoutMillis ?? 0;
    const timer = limitMs > 0 ? setTimeout(late, limitMs) : undefined;
    this.#waiting.push(waiter);
  }

  #takeBack(client: PostgresJsClient, isBroken: boolean): void {
    if (isBroken || this.ending || client.closed) {
      this.#close(client);
      this.#serveNext();
      return;
    }
    const next = this.#waiting.shift();
    if (next) next(undefined, client);
    else this.#idle.push(client);
  }

  #close(client: PostgresJsClient): void {
    client.close();
    this.#count -= 1;
  }

  /** A connection was lost. One that is lent out is counted until it comes back. */
  #forget(client: PostgresJsClient): void {
    const at = this.#idle.indexOf(client);
    if (at < 0) return;
    this.#idle.splice(at, 1);
    this.#close(client);
  }

  #serveNext(): void {
    const next = this.#waiting.shift();
    if (next) this.connect(next);
  }
}

/** Gives a promise's outcome to a callback in pg's manner: what the callback throws is uncaught. */
function settle(connecting: Promise<PostgresJsClient>, callback: ConnectCallback): void {
  void callBack(connecting, (error, client) =>
    callback(error ?? undefined, client as PostgresJsClient | undefined),
  );
}

/** postgres.js in the shape of the module `pg`, as far as phase two needs it. */
export function asPgModule(source: Source): PgModule {
  const Pool = class extends PostgresJsPool {
    constructor(options: PoolOptions) {
      // Nothing that phase two asks has an array in it.
      super({ ...source, options: { ...source.options, fetch_types: false } }, options);
    }
  };
  return { Pool: Pool as unknown as PgModule['Pool'] };
}

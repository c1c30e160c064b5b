import { EventEmitter } from 'node:events';
import type {
  PostgresJs,
  PostgresJsHandler,
  PostgresJsQuery,
  PostgresJsResult,
  PostgresJsSql,
} from './postgres-js-driver.ts';

/** What a connection of postgres.js is made with. */
export interface PostgresJsClientOptions {
  readonly postgres: PostgresJs;
  /** The parsed options of the user's `sql`. */
  readonly options: any;
  readonly applicationName: string | undefined;
  readonly queryTimeoutMs: number | undefined;
}

type Callback = (error: Error | undefined, result?: unknown) => void;
type From = ((value: unknown, ...rest: unknown[]) => unknown) | undefined;

/**
 * One connection of postgres.js, in the shape of pg's client as far as a branch needs it. It has a
 * `sql` of its own with nothing else in it: so its notices and its end are known to be its, it can
 * be closed alone, and nobody connects it anew behind the back of a transaction.
 */
export class PostgresJsClient extends EventEmitter {
  readonly #queryTimeoutMs: number | undefined;
  #sql: PostgresJsSql | undefined;
  #reserved: PostgresJsSql | undefined;
  #handler: PostgresJsHandler | undefined;
  #closed: Error | undefined;
  /** The query that runs is not the user's: his transforms are not for it. */
  #isOurs = false;
  /** Process id of the backend. */
  processID = 0;

  private constructor(queryTimeoutMs: number | undefined) {
    super();
    this.#queryTimeoutMs = queryTimeoutMs;
  }

  /** Connects. */
  static async connect(options: PostgresJsClientOptions): Promise<PostgresJsClient> {
    const client = new PostgresJsClient(options.queryTimeoutMs);
    try {
      await client.#open(options);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** The loss of the connection, or its end. */
  get closed(): Error | undefined {
    return this.#closed;
  }

  /** As pg's, with a callback. */
  query(text: string, values: readonly unknown[] | undefined, callback: Callback): void {
    if (this.#closed) {
      callback(this.#closed);
      return;
    }
    const timer = this.#startTimer(callback);
    this.#isOurs = true;
    const settle: Callback = (error, result) => {
      clearTimeout(timer);
      this.#isOurs = false;
      callback(error, result);
    };
    const query = this.#reserved?.unsafe(text, [...(values ?? [])]) as PostgresJsQuery;
    query.then(
      (result) => settle(undefined, resultsOf(result)),
      (error: Error) => settle(error),
    );
  }

  /**
   * Runs a query of the user's, made by whichever `sql`; calls `ended` before it hears of its end,
   * and `failed` when that is an error.
   * @throws what the query is rejected with.
   */
  run(query: PostgresJsQuery, ended: () => void, failed?: (error: unknown) => void): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closed);
    if (query.cancelled) return Promise.resolve();
    return new Promise((resolve, reject) => {
      whenSettled(query, 'resolve', () => {
        ended();
        resolve();
      });
      whenSettled(query, 'reject', (error) => {
        ended();
        failed?.(error);
        reject(error);
      });
      this.#handler?.(query);
    });
  }

  /** Closes the connection, whatever runs on it. Idempotent. */
  close(): void {
    this.#closed ??= new Error('the connection was closed');
    void this.#sql?.end({ timeout: 0 }).catch(() => undefined);
    this.#sql = undefined;
  }

  async #open({ postgres, options, applicationName }: PostgresJsClientOptions): Promise<void> {
    const connection = { ...options.connection };
    if (applicationName !== undefined) connection.application_name = applicationName;
    const sql = postgres({
      ...options,
      connection,
      max: 1,
      idle_timeout: null,
      max_lifetime: null,
      no_subscribe: true,
      transform: this.#transformsOf(options.transform),
      onnotice: (notice: unknown) => this.emit('notice', notice),
      onclose: () => this.#handleClose(),
    });
    this.#sql = sql;
    // It asks for the types of arrays as well.
    this.#isOurs = true;
    // Reserving may wait for ever where it has to connect first.
    const first = (await sql.unsafe('SELECT 1')) as PostgresJsResult;
    this.processID = first.state?.pid ?? 0;
    this.#reserved = (await sql.reserve()) as PostgresJsSql;
    this.#handler = (this.#reserved.unsafe('') as PostgresJsQuery).handler;
    this.#isOurs = false;
  }

  #handleClose(): void {
    if (this.#closed) return;
    this.#closed = new Error('the server has closed the connection');
    this.emit('error', this.#closed);
  }

  #startTimer(callback: Callback): NodeJS.Timeout | undefined {
    if (this.#queryTimeoutMs === undefined) return undefined;
    return setTimeout(() => callback(new Error('Query read timeout')), this.#queryTimeoutMs);
  }

  #transformsOf(transform: Record<'column' | 'value' | 'row', { from?: From }>) {
    const unlessOurs = (from: From): From =>
      from && ((value, ...rest) => (this.#isOurs ? value : from(value, ...rest)));
    const { column, value, row } = transform;
    return {
      ...transform,
      column: { ...column, from: unlessOurs(column.from) },
      value: { ...value, from: unlessOurs(value.from) },
      row: { ...row, from: unlessOurs(row.from) },
    };
  }
}

/** Calls `listener` before the query hears of its end. A cursor puts functions of its own there. */
function whenSettled(
  query: PostgresJsQuery,
  name: 'resolve' | 'reject',
  listener: (value: unknown) => void,
): void {
  let own = query[name];
  void Object.defineProperty(query, name, {
    configurable: true,
    get: () => (value: unknown) => {
      listener(value);
      own.call(query, value);
    },
    set: (next: typeof own) => {
      own = next;
    },
  });
}

/** In pg's shape: one, or several of a text with several statements. */
function resultsOf(result: unknown) {
  const isOne = 'command' in (result as object);
  return isOne
    ? resultOf(result as PostgresJsResult)
    : (result as PostgresJsResult[]).map(resultOf);
}

function resultOf(result: PostgresJsResult) {
  const command = result.command?.split(' ')[0] ?? null;
  return { command, rowCount: result.count, rows: [...result] };
}

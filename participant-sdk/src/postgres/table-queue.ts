import { setTimeout as delay } from 'node:timers/promises';
import { UnanimousError } from '@unanimous/proto';
import type { Pool } from 'pg';
import { effectText } from '../logged/effect-text.ts';
import { currentTransaction } from '../participant/scope.ts';

/** What begins the transactions in which messages are received: a `TransactionClient`. */
export interface TransactionRunner {
  transaction<T>(work: () => Promise<T>): Promise<{ readonly value: T }>;
}

/** Settings of a queue in a table. */
export interface TableQueueOptions {
  readonly tm: TransactionRunner;
  /** The `pool` of a Postgres resource that `tm` serves. */
  readonly pool: Pick<Pool, 'query'>;
  /** Name of the table, with its schema if need be; `unanimous_messages` unless told. */
  readonly table?: string;
  /** How often a message is given out before it is set aside; 10 unless told. */
  readonly maxAttempts?: number;
  /** Pause before the second attempt; it doubles up to a minute. 1,000 unless told. */
  readonly retryMs?: number;
}

/** A message as a consumer gets it. */
export interface TableMessage<T = unknown> {
  readonly id: string;
  readonly topic: string;
  readonly content: T;
  /** 1 when it is given out for the first time. */
  readonly attempt: number;
}

/** Settings of `consume`. */
export interface TableConsumeOptions {
  /** Ends the consumer when the work that runs is done. */
  readonly signal: AbortSignal;
  /** How often an empty queue is looked into; 200 unless told. */
  readonly pollMs?: number;
  /** Told of each attempt that failed. */
  readonly onError?: (error: unknown) => void;
}

/**
 * A queue in a table of a Postgres database. What is published is a row of the branch, so it is there
 * if and only if the transaction commits; who receives takes its row in the transaction of what the
 * message causes. No `LISTEN` and `NOTIFY`: what has notified can't be prepared.
 */
export class TableQueue {
  readonly #options: TableQueueOptions;
  readonly #table: string;
  readonly #maxAttempts: number;
  readonly #retryMs: number;

  /** @throws UnanimousError `invalid-argument` when `table` can't be a name. */
  constructor(options: TableQueueOptions) {
    const { table = 'unanimous_messages', maxAttempts = 10, retryMs = 1_000 } = options;
    if (!/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/.test(table)) {
      throw new UnanimousError('invalid-argument', `table: ${JSON.stringify(table)} is no name`, {
        hint: 'Use letters a-z, digits and underscores, with at most one schema before a point.',
      });
    }
    this.#options = options;
    this.#table = table;
    this.#maxAttempts = maxAttempts;
    this.#retryMs = retryMs;
  }

  /** Makes the table and its index where there are none. Run it with your migrations. */
  async createTable(): Promise<void> {
    const index = `${this.#table.replace('.', '_')}_due`;
    await this.#options.pool.query(`
      CREATE TABLE IF NOT EXISTS ${this.#table} (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL,
        content json NOT NULL, attempts int NOT NULL DEFAULT 0, error text,
        due timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE INDEX IF NOT EXISTS ${index} ON ${this.#table} (topic, id)`);
  }

  /**
   * Adds a message within the current transaction.
   * @throws UnanimousError `no-transaction` outside of one, `invalid-argument` for what JSON would
   * change, and what Postgres says.
   */
  async publish(topic: string, content: unknown): Promise<void> {
    if (!currentTransaction()) {
      throw new UnanimousError('no-transaction', 'a message outside of a transaction');
    }
    const text = effectText(content, { name: 'content', allowToJson: true });
    const sql = `INSERT INTO ${this.#table} (topic, content) VALUES ($1, $2)`;
    await this.#options.pool.query(sql, [topic, text]);
  }

  /**
   * Gives the oldest free message to `work`, in one transaction with all that it writes; false when
   * there is none. What others work on is passed over.
   * @throws what `work` or the commit throws: the message then comes again after a pause.
   */
  async receive<T>(
    topic: string,
    work: (message: TableMessage<T>) => Promise<unknown>,
  ): Promise<boolean> {
    let taken: TableMessage<T> | undefined;
    try {
      await this.#options.tm.transaction(async () => {
        taken = await this.#take<T>(topic);
        if (taken) await work(taken);
      });
      return taken !== undefined;
    } catch (error) {
      if (taken) await this.#postpone(taken, error);
      throw error;
    }
  }

  /** Receives one message after another until the signal fires. */
  async consume<T>(
    topic: string,
    work: (message: TableMessage<T>) => Promise<unknown>,
    { signal, pollMs = 200, onError = () => {} }: TableConsumeOptions,
  ): Promise<void> {
    while (!signal.aborted) {
      const hasReceived = await this.receive(topic, work).catch(onError);
      if (!hasReceived) await delay(pollMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Messages that were given out too often, oldest first; they stay until you delete them. */
  async setAside(topic: string): Promise<(TableMessage & { readonly error: string })[]> {
    const { rows } = await this.#options.pool.query(
      `SELECT id::text, topic, content, attempts AS attempt, error FROM ${this.#table}
       WHERE topic = $1 AND attempts >= $2 ORDER BY id`,
      [topic, this.#maxAttempts],
    );
    return rows as (TableMessage & { readonly error: string })[];
  }

  async #take<T>(topic: string): Promise<TableMessage<T> | undefined> {
    // A row that a prepared transaction has deleted is locked, so it is passed over, too.
    const { rows } = await this.#options.pool.query(
      `DELETE FROM ${this.#table} WHERE id = (
         SELECT id FROM ${this.#table}
         WHERE topic = $1 AND attempts < $2 AND due <= clock_timestamp()
         ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING id::text, topic, content, attempts + 1 AS attempt`,
      [topic, this.#maxAttempts],
    );
    return rows[0] as TableMessage<T> | undefined;
  }

  /**
   * Counts a failed attempt, apart from the transaction that took the message. Where that is not
   * decided yet its row is locked: then it counts nothing, and the message comes or goes as decided.
   */
  async #postpone({ id, attempt }: TableMessage, error: unknown): Promise<void> {
    const pauseMs = Math.min(60_000, this.#retryMs * 2 ** (attempt - 1));
    await this.#options.pool
      .query(
        `UPDATE ${this.#table} SET attempts = $2, error = $3,
           due = clock_timestamp() + $4 * interval '1 ms'
         WHERE id = (SELECT id FROM ${this.#table} WHERE id = $1 FOR UPDATE SKIP LOCKED)`,
        [id, attempt, String(error).slice(0, 2_000), pauseMs],
      )
      .catch(() => {}); // it comes again sooner, and the first error is the one to tell
  }
}

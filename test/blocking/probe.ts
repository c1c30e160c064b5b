import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** A row that both databases change with each order: what readers and writers look at. */
export const counterSchema = (table: string) => `
  create table if not exists counters (id int primary key, value int not null);
  insert into counters values (1, 0) on conflict do nothing;
  create or replace function count_one() returns trigger language plpgsql as $$
  begin update counters set value = value + 1 where id = 1; return null; end $$;
  create or replace trigger count_${table} after insert on ${table}
    for each row execute function count_one()`;

/** What others saw of one database from the fault on. */
export interface Seen {
  /** Locks of prepared transactions, `table mode`. */
  readonly locks: readonly string[];
  /** Whether a writer with a short lock_timeout was turned away. */
  readonly isWriterRefused: boolean;
  /** How long a patient writer waited, in milliseconds. */
  readonly writerMs: number;
  /** Longest time of a read in between, in milliseconds. */
  readonly readerMs: number;
  /** Whether all reads while it was blocked showed the value from before. */
  readonly isOldValue: boolean;
}

const locksQuery = `
  select distinct relname || ' ' || mode as lock from pg_locks join pg_class on oid = relation
  where pid is null and relkind = 'r' and relation >= 16384 and relname <> 'unanimous_log_positions'
    and database = (select oid from pg_database where datname = current_database())
  order by 1`;

/** Reads and writes the counter of a database until a writer gets through. */
export class Probe implements AsyncDisposable {
  readonly #pool: pg.Pool;

  constructor(connectionString: string) {
    this.#pool = new pg.Pool({ connectionString, max: 4, application_name: 'onlooker' });
    this.#pool.on('error', () => {});
  }

  /** Connects, so that the first look takes no longer than the others. */
  async warm(): Promise<void> {
    await Promise.all([1, 2, 3].map(() => this.#pool.query('select pg_sleep(0.05)')));
  }

  /** The counter's value now. */
  async value(): Promise<number> {
    const { rows } = await this.#pool.query<{ value: number }>('select value from counters');
    return rows[0]?.value ?? -1;
  }

  /** Looks on, from a fault until a writer gets through. */
  async watch(before: number): Promise<Seen> {
    const sinceMs = performance.now();
    const { rows } = await this.#pool.query<{ lock: string }>(locksQuery);
    let writerMs: number | undefined;
    const hasWritten = () => writerMs !== undefined;
    const writer = this.#write('30s').then(() => (writerMs = performance.now() - sinceMs));
    const refused = this.#write('100ms').then(
      () => false,
      (error: { code?: string }) => error.code === '55P03',
    );
    let readerMs = 0;
    let isOldValue = true;
    while (!hasWritten()) {
      const startedMs = performance.now();
      const value = await this.value();
      readerMs = Math.max(readerMs, performance.now() - startedMs);
      // The writer may have got through while we read.
      if (!hasWritten() && value !== before) isOldValue = false;
      await delay(5);
    }
    const locks = rows.map(({ lock }) => lock);
    return { locks, isWriterRefused: await refused, writerMs: await writer, readerMs, isOldValue };
  }

  /** Changes the row and takes it back. */
  async #write(lockTimeout: string): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await client.query(`begin; set local lock_timeout = '${lockTimeout}'`);
      await client.query('update counters set value = value where id = 1');
    } finally {
      await client.query('rollback');
      client.release();
    }
  }

  /** Whether the table holds an order. */
  async holds(table: string, key: string, id: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query(`select from ${table} where ${key} = $1`, [id]);
    return rowCount === 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }
}

/** Measures for how long readers find an order in one database and not in the other. */
export class HalfWatch {
  #isOver = false;
  #halfMs = 0;
  readonly #watching: Promise<void>;

  constructor(orders: Probe, stock: Probe, id: string) {
    this.#watching = this.#watch(orders, stock, id);
  }

  /** Ends the watch; answers the time, in milliseconds. */
  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#watching;
    return this.#halfMs;
  }

  async #watch(orders: Probe, stock: Probe, id: string): Promise<void> {
    let lastMs = performance.now();
    while (!this.#isOver) {
      const [inOrders, inStock] = await Promise.all([
        orders.holds('orders', 'id', id),
        stock.holds('reservations', 'order_id', id),
      ]);
      const nowMs = performance.now();
      if (inOrders !== inStock) this.#halfMs += nowMs - lastMs;
      lastMs = nowMs;
      await delay(2);
    }
  }
}

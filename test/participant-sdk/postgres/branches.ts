import type { BranchId, UnanimousError } from '@unanimous/proto';
import pg from 'pg';
import type { Resource } from '../../../participant-sdk/src/resource.ts';
import {
  postgres,
  type PostgresOptions,
  type PostgresResource,
} from '../../../participant-sdk/src/postgres/index.ts';
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { TestHost, type TestTransaction } from '../support/test-host.ts';

export type { TestTransaction };

/** An open resource, with a host that drives it. */
export class ResourceFixture<R extends Resource> {
  readonly resource: R;
  readonly host = new TestHost();
  incarnation = '';
  identity = '';

  constructor(resource: R) {
    this.resource = resource;
    resource.attach(this.host);
  }

  async open(): Promise<this> {
    Object.assign(this, await this.resource.open());
    return this;
  }

  /** Runs `work` inside a new transaction; the branch is left open. */
  run(work: () => unknown): Promise<TestTransaction> {
    return this.host.run({ rm: this.resource.rm, incarnation: this.incarnation }, work);
  }

  /** Runs `work` and prepares; fails unless it votes yes. Gives the id and the receipt. */
  async prepared(work: () => unknown): Promise<{ id: BranchId; receipt: string }> {
    const transaction = await this.run(work);
    const vote = await transaction.open.prepare();
    if (vote.vote !== 'yes') throw new Error(`voted ${vote.vote}`);
    return { id: transaction.id, receipt: vote.receipt };
  }

  commit({ id, receipt }: { id: BranchId; receipt: string }) {
    const decided = { receipt, redo: new Uint8Array(), epoch: 1, seq: 1, lowWaterSeq: 0 };
    return this.resource.commit(id, decided);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.rollBackAll();
    await this.resource.close();
  }
}

/** A Postgres resource on a database of its own. */
export class Fixture extends ResourceFixture<PostgresResource> {
  readonly url: string;
  /** The client that the pool gave out last, not a lease of it. */
  rawClient: pg.PoolClient | undefined;

  constructor(url: string, options: Partial<PostgresOptions> = {}) {
    super(postgres({ rm: 'orders', pg, connectionString: url, max: 5, ...options }));
    this.url = url;
    this.pool.on('acquire', (client) => {
      this.rawClient = client;
    });
  }

  get pool(): pg.Pool {
    return this.resource.pool;
  }
}

/** A server, and databases with a table t (a int) in it. */
export class TestPostgres {
  readonly server: PostgresServer;
  #count = 0;

  constructor(server: PostgresServer) {
    this.server = server;
  }

  static async start(options?: Parameters<typeof startPostgres>[0]): Promise<TestPostgres> {
    return new TestPostgres(await startPostgres(options));
  }

  /** A fresh database with the table t, and an open resource on it. */
  async fixture(options: Partial<PostgresOptions> = {}): Promise<Fixture> {
    const url = await this.server.createDatabase(`test_${(this.#count += 1)}`);
    await sql(url, 'CREATE TABLE t (a int)');
    return new Fixture(url, options).open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
  }
}

/** Runs statements on a connection of their own; gives the rows of the last. */
export async function sql(url: string, ...statements: readonly string[]) {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows ?? [];
    return rows;
  } finally {
    await client.end();
  }
}

/** The values in the table t. */
export async function values(url: string): Promise<unknown[]> {
  return (await sql(url, 'SELECT a FROM t ORDER BY a')).map((row) => row['a']);
}

/** How many prepared transactions the database has. */
export async function preparedCount(url: string): Promise<number> {
  const query =
    'SELECT count(*)::int AS n FROM pg_prepared_xacts WHERE database = current_database()';
  return Number((await sql(url, query))[0]?.['n']);
}

/** How many connections have a transaction open, ours aside. */
export async function openTransactions(url: string): Promise<number> {
  const query = `SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()`;
  return Number((await sql(url, query))[0]?.['n']);
}

/** Makes every commit wait for a standby that does not come, until it is cancelled. */
export async function requireAbsentStandby(url: string): Promise<void> {
  await sql(url, 'CREATE TABLE probe (a int)');
  await sql(url, "ALTER SYSTEM SET synchronous_standby_names = 'absent'");
  await sql(url, 'SELECT pg_reload_conf()');
  const isInEffect = async () => {
    const probe = sql(url, 'INSERT INTO probe VALUES (1)').then(() => 'done');
    for (;;) {
      if ((await Promise.race([probe, pause(10)])) === 'done') return false;
      if ((await cancelWaiters(url, 'INSERT')) > 0) return (await probe) === 'done';
    }
  };
  await waitUntil(isInEffect, { what: 'the setting to take effect' });
}

/** Waits until a statement that begins so waits for a standby, and cancels it. */
export async function cancelWaiting(url: string, verb: string): Promise<void> {
  await waitUntil(() => cancelWaiters(url, verb), { what: `${verb} to wait` });
}

async function cancelWaiters(url: string, verb: string): Promise<number> {
  const cancel = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
    WHERE wait_event = 'SyncRep' AND query LIKE '${verb}%'`;
  return (await sql(url, cancel)).length;
}

/** Resolves after so many milliseconds. */
export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The error that a promise rejects with. */
export async function errorOf(promise: Promise<unknown> | undefined): Promise<UnanimousError> {
  try {
    await promise;
  } catch (error) {
    return error as UnanimousError;
  }
  throw new Error('it did not fail');
}

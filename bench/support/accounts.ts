import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../test/servers/postgres.ts';

/** Rows that transactions change: many cold ones, or a few that all want. */
export const rowCounts = { cold: 10_000, hot: 8 } as const;

const schema = `
  create table accounts (id int primary key, balance bigint not null) with (fillfactor = 50);
  insert into accounts select id, 0 from generate_series(1, ${rowCounts.cold}) id`;

/** The statement of every transaction. */
export const change = 'update accounts set balance = balance + 1 where id = $1';

/** The statement of one that only reads. */
export const look = 'select balance from accounts where id = $1';

/** Postgres servers, each with a database of accounts and a pool as a user has one. */
export class AccountDatabases implements AsyncDisposable {
  readonly urls: readonly string[];
  readonly pools: readonly pg.Pool[];
  readonly #servers: readonly PostgresServer[];

  private constructor(servers: readonly PostgresServer[], urls: readonly string[], max: number) {
    this.#servers = servers;
    this.urls = urls;
    this.pools = urls.map((connectionString) => new pg.Pool({ connectionString, max }));
    for (const pool of this.pools) pool.on('error', () => {}); // its server may be killed
  }

  /** Starts so many servers; pools may have `connections` connections each. */
  static async start(count: number, connections: number): Promise<AccountDatabases> {
    const settings = { max_connections: 4 * connections + 20 };
    const servers = await Promise.all(
      Array.from({ length: count }, () =>
        startPostgres({ maxPreparedTransactions: 12_000, settings }),
      ),
    );
    const urls = await Promise.all(servers.map((server) => server.createDatabase('accounts')));
    const databases = new AccountDatabases(servers, urls, connections);
    await Promise.all(databases.pools.map((pool) => pool.query(schema)));
    return databases;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.pools.map((pool) => pool.end()));
    await Promise.all(this.#servers.map((server) => server.stop()));
  }
}

import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts';
import { tempDir, type TempDir } from '../../support/temp-dir.ts';
import { ordersSchema, stockSchema } from './shop-schema.ts';

/** What a test looks with: never mistaken for a connection of the services. */
export function onlooker(connectionString: string): pg.Pool {
  const options = { connectionString, max: 2, application_name: 'onlooker' };
  const pool = new pg.Pool({ ...options, connectionTimeoutMillis: 2_000 });
  pool.on('error', () => {}); // its server may be killed
  return pool;
}

/** A real Postgres with the databases of the shop, and a folder for the rest. */
export class ShopDatabases implements AsyncDisposable {
  readonly server: PostgresServer;
  readonly dir: TempDir;
  readonly ordersUrl: string;
  readonly stockUrl: string;
  readonly orders: pg.Pool;
  readonly stock: pg.Pool;

  private constructor(server: PostgresServer, dir: TempDir, urls: readonly [string, string]) {
    this.server = server;
    this.dir = dir;
    [this.ordersUrl, this.stockUrl] = urls;
    this.orders = onlooker(this.ordersUrl);
    this.stock = onlooker(this.stockUrl);
  }

  /** Starts the server and makes the tables. */
  static async start(maxPreparedTransactions = 64): Promise<ShopDatabases> {
    const dir = tempDir('unanimous-shop-');
    const server = await startPostgres({ maxPreparedTransactions });
    const orders = await server.createDatabase('orders');
    const stock = await server.createDatabase('stock');
    const databases = new ShopDatabases(server, dir, [orders, stock]);
    await databases.orders.query(ordersSchema);
    await databases.stock.query(stockSchema);
    return databases;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.orders.end(), this.stock.end()]);
    await this.server.stop();
    this.dir.remove();
  }
}

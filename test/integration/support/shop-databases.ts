import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts';
import { tempDir, type TempDir } from '../../support/temp-dir.ts';
import { ordersSchema, stockSchema } from './shop-schema.ts';
import type { TcpRelay } from './tcp-relay.ts';

/** How the databases are set up. */
export interface ShopDatabasesOptions {
  /** 64 unless told. */
  readonly maxPreparedTransactions?: number;
  /** Each database on a server of its own; two databases of one server unless told. */
  readonly apart?: boolean;
  /** False: faster, and right as long as no power is cut; a killed process loses nothing by it. */
  readonly fsync?: boolean;
  /** What everybody connects through, so that another server can take the first one's place. */
  readonly through?: TcpRelay;
}

/** Real Postgres databases of the shop, and a folder for the rest. */
export class ShopDatabases implements AsyncDisposable {
  readonly ordersServer: PostgresServer;
  /** The same one unless they are apart. */
  readonly stockServer: PostgresServer;
  readonly dir: TempDir;
  readonly ordersUrl: string;
  readonly stockUrl: string;
  readonly orders: pg.Pool;
  readonly stock: pg.Pool;

  private constructor(servers: readonly PostgresServer[], dir: TempDir, urls: readonly string[]) {
    [this.ordersServer, this.stockServer] = servers as [PostgresServer, PostgresServer];
    [this.ordersUrl, this.stockUrl] = urls as [string, string];
    this.dir = dir;
    this.orders = onlooker(this.ordersUrl);
    this.stock = onlooker(this.stockUrl);
  }

  /** Starts what is needed and makes the tables. */
  static async start(options: ShopDatabasesOptions = {}): Promise<ShopDatabases> {
    const { maxPreparedTransactions = 64, apart = false, fsync = true, through } = options;
    const settings = fsync ? {} : { fsync: 'off' };
    const start = () => startPostgres({ maxPreparedTransactions, settings });
    const [first, second] = await Promise.all([start(), apart ? start() : undefined]);
    const servers = [first, second ?? first] as const;
    const urls = [
      await servers[0].createDatabase('orders'),
      await servers[1].createDatabase('stock'),
    ];
    through?.retarget(`127.0.0.1:${servers[0].port}`);
    const seen = through ? urls.map((url) => viaRelay(url, through)) : urls;
    const databases = new ShopDatabases(servers, tempDir('unanimous-shop-'), seen);
    await databases.orders.query(ordersSchema);
    await databases.stock.query(stockSchema);
    return databases;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.orders.end(), this.stock.end()]);
    await Promise.all([this.ordersServer.stop(), this.stockServer.stop()]);
    this.dir.remove();
  }
}

/** What a test looks with: never mistaken for a connection of the services. */
function onlooker(connectionString: string): pg.Pool {
  const options = { connectionString, max: 2, application_name: 'onlooker' };
  const pool = new pg.Pool({ ...options, connectionTimeoutMillis: 2_000 });
  pool.on('error', () => {}); // its server may be killed
  return pool;
}

function viaRelay(connectionString: string, relay: TcpRelay): string {
  const url = new URL(connectionString);
  url.host = relay.address;
  return url.href;
}

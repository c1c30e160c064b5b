import { fileURLToPath } from 'node:url';
import { openQueue, type Queue } from '@unanimous/participant-sdk/sqlite-queue';
import { parseBranchId } from '@unanimous/proto';
import Database from 'better-sqlite3';
import type pg from 'pg';
import { freePort } from '../../support/free-port.ts';
import type { TempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { type ShopSettings, settingsEnv } from '../services/shop-settings.ts';
import { Admin } from '../../../examples/support/admin.ts';
import { CoordinatorProcess } from './coordinator-process.ts';
import { Customers } from './customers.ts';
import type { Gate } from './gate.ts';
import { InReverse } from '../../../examples/support/in-reverse.ts';
import { NodeProcess } from './node-process.ts';
import { ShopDatabases } from './shop-databases.ts';

/** How many orders are placed at the same time. */
const customers = 6;
const fromSources = ['--conditions=@unanimous/source', '--import', 'tsx'];

/** How the fleet is set up. */
export interface FleetOptions {
  /** Each database on a server of its own. */
  readonly apart?: boolean;
  /** Deadline of an order's transaction; 8 s unless told. */
  readonly timeoutMs?: number;
}

/** The processes of the shop's services. */
interface Services {
  readonly stock: NodeProcess;
  readonly orders: NodeProcess;
  readonly delivery: NodeProcess;
}

/** The shop with each service a process of its own, each of which a test may kill. */
export class Fleet implements AsyncDisposable {
  readonly databases: ShopDatabases;
  readonly coordinator: CoordinatorProcess;
  readonly admin: Admin;
  readonly settings: ShopSettings;
  readonly stock: NodeProcess;
  readonly orders: NodeProcess;
  readonly delivery: NodeProcess;
  /** For looking: the delivery service reads it. */
  readonly queue: Queue;
  readonly customers: Customers;
  readonly #parts: InReverse;

  private constructor(
    parts: InReverse,
    databases: ShopDatabases,
    coordinator: CoordinatorProcess,
    settings: ShopSettings,
    services: Services,
    queue: Queue,
  ) {
    this.#parts = parts;
    this.databases = databases;
    this.coordinator = coordinator;
    this.settings = settings;
    this.stock = services.stock;
    this.orders = services.orders;
    this.delivery = services.delivery;
    this.queue = parts.use(queue);
    this.admin = parts.use(new Admin(coordinator.address));
    this.customers = new Customers(`http://127.0.0.1:${settings.ordersPort}/orders`, customers);
  }

  /** Starts everything, and the customers. */
  static async start(options: FleetOptions = {}): Promise<Fleet> {
    const parts = new InReverse();
    try {
      const { apart = false, timeoutMs = 8_000 } = options;
      const databases = parts.use(await ShopDatabases.start({ apart }));
      const { dir } = databases;
      const dataDir = dir.file('coordinator');
      const coordinator = parts.use(await CoordinatorProcess.launch({ dataDir }));
      const settings = await makeSettings(databases, coordinator.address, timeoutMs);
      const services = {
        stock: parts.use(service('stock', stockProgram, dir, settings)),
        orders: parts.use(service('orders', ordersProgram, dir, settings)),
        delivery: parts.use(service('delivery', deliveryProgram, dir, settings)),
      };
      await Promise.all(Object.values(services).map((one) => one.start()));
      const queue = await openQueue({ file: settings.queueFile, Database });
      return new Fleet(parts, databases, coordinator, settings, services, queue);
    } catch (error) {
      await parts[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Names of the prepared branches in a database; none while its server is down. */
  async prepared(database: pg.Pool): Promise<string[]> {
    const sql = 'select gid from pg_prepared_xacts where database = current_database()';
    try {
      const { rows } = await database.query<{ gid: string }>(sql);
      return rows.map(({ gid }) => gid);
    } catch {
      return [];
    }
  }

  /** Waits until so many branches are prepared in a database. */
  async untilPrepared(database: pg.Pool, count = 1): Promise<void> {
    const are = async () => (await this.prepared(database)).length >= count;
    await waitUntil(are, { what: 'prepared branches', intervalMs: 5, timeoutMs: 20_000 });
  }

  /**
   * Waits until the transactions of all customers stand at the same point: prepared in the orders'
   * database, and about to be prepared in the stock's, before a closed gate.
   */
  async untilAllAt(gate: Gate): Promise<void> {
    const are = async () =>
      (await gate.waiting()) === customers &&
      (await this.prepared(this.databases.orders)).length === customers;
    await waitUntil(are, { what: 'all orders to wait at the gate', timeoutMs: 20_000 });
  }

  /**
   * Waits until so many transactions are decided and still prepared in a database; answers their
   * gids. Others may be listed as not applied because their end was not yet in the log at a kill.
   */
  async untilDecided(database: pg.Pool, count: number): Promise<string[]> {
    let found: string[] = [];
    const are = async () => {
      const decided = new Set((await this.admin.list('committing')).map(({ gid }) => gid));
      found = gidsOf(await this.prepared(database)).filter((gid) => decided.has(gid));
      return found.length >= count;
    };
    await waitUntil(are, { what: 'decided transactions', intervalMs: 5, timeoutMs: 20_000 });
    return found;
  }

  /** Waits until all of these transactions are committed and applied. */
  async untilCommitted(gids: readonly string[]): Promise<void> {
    const are = async () => {
      const views = await Promise.all(gids.map((gid) => this.admin.show(gid)));
      return views.every(({ state }) => state === 'committed');
    };
    await waitUntil(are, { what: `${gids.join()} to be committed`, timeoutMs: 20_000 });
  }

  /** Waits until so many more orders were placed: everything works again. */
  async untilPlaced(more: number): Promise<void> {
    const wanted = this.customers.count('placed') + more;
    const are = () => this.customers.count('placed') >= wanted;
    await waitUntil(are, { what: `${more} more orders`, timeoutMs: 20_000 });
  }

  /** Waits until nothing is prepared, nothing is open, and every event was delivered. */
  async untilAtRest(): Promise<void> {
    const { orders, stock } = this.databases;
    const isAtRest = async () => {
      const prepared = await Promise.all([orders, stock].map((one) => one.query(anyPrepared)));
      const open = await this.admin.list();
      const topics = await this.queue.stats();
      const hasEvents = topics.some((one) => one.acknowledged < one.published || one.prepared > 0);
      return prepared.every(({ rowCount }) => rowCount === 0) && open.length === 0 && !hasEvents;
    };
    await waitUntil(isAtRest, { what: 'the fleet to come to rest', timeoutMs: 20_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = this.customers.leave();
    await this.#parts[Symbol.asyncDispose]();
    await left;
  }
}

const anyPrepared = 'select from pg_prepared_xacts';

async function makeSettings(
  { dir, ordersUrl, stockUrl }: ShopDatabases,
  coordinator: string,
  timeoutMs: number,
): Promise<ShopSettings> {
  const [stockPort, ordersPort] = await Promise.all([freePort(), freePort()]);
  return {
    coordinator,
    ordersUrl,
    stockUrl,
    stockAddress: `127.0.0.1:${stockPort}`,
    ordersPort,
    queueFile: dir.file('queue.db'),
    deliveriesFile: dir.file('deliveries.db'),
    timeoutMs,
  };
}

const stockProgram = new URL('../services/stock-process.ts', import.meta.url);
const ordersProgram = new URL('../services/order-process.ts', import.meta.url);
const deliveryProgram = new URL('../services/delivery-process.ts', import.meta.url);

function service(name: string, program: URL, dir: TempDir, settings: ShopSettings): NodeProcess {
  return new NodeProcess({
    name: `the ${name} service`,
    args: [...fromSources, fileURLToPath(program)],
    env: settingsEnv(settings),
    readyLine: 'ready',
    logFile: dir.file(`${name}.log`),
  });
}

/** The transactions of branches that a database shows as prepared. */
export function gidsOf(branches: readonly string[]): string[] {
  return branches.map((branch) => parseBranchId(branch)?.gid ?? `not ours: ${branch}`);
}

import { fileURLToPath } from 'node:url';
import { openQueue, type Queue } from '@unanimous/participant-sdk/sqlite-queue';
import { parseBranchId, type TransactionView } from '@unanimous/proto';
import Database from 'better-sqlite3';
import type pg from 'pg';
import { settingsEnv, type ShopSettings } from '../../integration/services/shop-settings.ts';
import { Admin } from '../../../examples/support/admin.ts';
import { unanimousProgram } from '../../integration/support/coordinator-process.ts';
import { InReverse } from '../../../examples/support/in-reverse.ts';
import { NodeProcess } from '../../integration/support/node-process.ts';
import { ShopDatabases } from '../../integration/support/shop-databases.ts';
import { freePort } from '../../support/free-port.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { orderTimeoutMs } from '../services/pace.ts';
import { CrashDisk } from './crash-disk.ts';
import { Failpoints } from './failpoints.ts';
import type { Operator } from './operator.ts';

/** The processes that a test may kill. */
export type Role = 'coordinator' | 'stock' | 'orders' | 'delivery';

/** How the fleet is set up. */
export interface CrashFleetOptions {
  /** Deadline of an order's transaction; that of the bounds unless told. */
  readonly timeoutMs?: number;
  /** Connection string of a RabbitMQ, where logged branches are wanted. */
  readonly rabbitmqUrl?: string;
  /** Each database on a server of its own. */
  readonly apart?: boolean;
  /** The disk of the coordinator's log can fail, too; needs a C compiler. */
  readonly withDisk?: boolean;
  /** Where a service finds the coordinator, given its address; there unless told. */
  readonly route?: (coordinator: string, role: 'stock' | 'orders') => Promise<string | undefined>;
}

const programs = {
  stock: new URL('../services/stock-process.ts', import.meta.url),
  orders: new URL('../services/order-process.ts', import.meta.url),
  delivery: new URL('../../integration/services/delivery-process.ts', import.meta.url),
};

/** A coordinator whose disk, where it can fail, is told of each start. */
class CoordinatorProcess extends NodeProcess {
  readonly #disk: CrashDisk | undefined;

  constructor(disk: CrashDisk | undefined, options: ConstructorParameters<typeof NodeProcess>[0]) {
    super(options);
    this.#disk = disk;
  }

  override async start(): Promise<void> {
    this.#disk?.begin();
    await super.start();
  }
}

/**
 * The shop's services, the coordinator and its databases as processes of their own, all with
 * failpoints that can be armed while they run.
 */
export class CrashFleet implements AsyncDisposable {
  readonly databases: ShopDatabases;
  readonly admin: Admin;
  /** For looking. */
  readonly queue: Queue;
  readonly settings: ShopSettings;
  readonly processes: Readonly<Record<Role, NodeProcess>>;
  readonly failpoints: Readonly<Record<Role, Failpoints>>;
  /** Further arguments of the coordinator, from its next start on. */
  readonly coordinatorArgs: string[];
  /** That of the coordinator's log, where it can fail. */
  readonly disk: CrashDisk | undefined;
  readonly #parts: InReverse;

  private constructor(
    parts: InReverse,
    fleet: Pick<
      CrashFleet,
      'databases' | 'queue' | 'settings' | 'processes' | 'failpoints' | 'coordinatorArgs' | 'disk'
    >,
    address: string,
  ) {
    this.#parts = parts;
    this.databases = fleet.databases;
    this.queue = parts.use(fleet.queue);
    this.settings = fleet.settings;
    this.processes = fleet.processes;
    this.failpoints = fleet.failpoints;
    this.coordinatorArgs = fleet.coordinatorArgs;
    this.disk = fleet.disk;
    this.admin = parts.use(new Admin(address));
  }

  /** Starts everything. */
  static async start(options: CrashFleetOptions = {}): Promise<CrashFleet> {
    const parts = new InReverse();
    try {
      const {
        timeoutMs = orderTimeoutMs,
        rabbitmqUrl = '',
        apart = false,
        withDisk = false,
      } = options;
      const databases = parts.use(await ShopDatabases.start({ apart }));
      const { dir, ordersUrl, stockUrl } = databases;
      const points = (role: Role) => new Failpoints(dir.file(`failpoints-${role}`));
      const failpoints = {
        coordinator: points('coordinator'),
        stock: points('stock'),
        orders: points('orders'),
        delivery: points('delivery'),
      };
      const address = `127.0.0.1:${await freePort()}`;
      const coordinatorArgs = [unanimousProgram, 'serve', '--listen', address];
      const logDir = dir.file('disk/coordinator');
      const disk = withDisk ? CrashDisk.prepare(logDir) : undefined;
      coordinatorArgs.push('--data', logDir);
      const coordinator = parts.use(
        new CoordinatorProcess(disk, {
          name: 'the coordinator',
          args: coordinatorArgs,
          env: { ...failpoints.coordinator.env, ...disk?.env },
          readyLine: 'unanimous ready',
          logFile: dir.file('coordinator.log'),
        }),
      );
      await coordinator.start();
      const settings: ShopSettings = {
        coordinator: address,
        ordersUrl,
        stockUrl,
        stockAddress: `127.0.0.1:${await freePort()}`,
        ordersPort: await freePort(),
        queueFile: dir.file('queue.db'),
        deliveriesFile: dir.file('deliveries.db'),
        timeoutMs,
      };
      const routed = async (role: 'stock' | 'orders') => {
        return { ...settings, coordinator: (await options.route?.(address, role)) ?? address };
      };
      const routes = { stock: await routed('stock'), orders: await routed('orders') };
      const service = (role: 'stock' | 'orders' | 'delivery') =>
        new NodeProcess({
          name: `the ${role} service`,
          args: [
            '--conditions=@unanimous/source',
            '--import',
            'tsx',
            fileURLToPath(programs[role]),
          ],
          env: {
            ...settingsEnv(role === 'delivery' ? settings : routes[role]),
            ...failpoints[role].env,
            UNANIMOUS_TEST_RABBITMQ: rabbitmqUrl,
          },
          readyLine: 'ready',
          logFile: dir.file(`${role}.log`),
        });
      const processes = {
        coordinator,
        stock: parts.use(service('stock')),
        orders: parts.use(service('orders')),
        delivery: parts.use(service('delivery')),
      };
      const { stock, orders, delivery } = processes;
      await Promise.all([stock.start(), orders.start(), delivery.start()]);
      const queue = await openQueue({ file: settings.queueFile, Database });
      const fleet = { databases, queue, settings, processes, failpoints, coordinatorArgs, disk };
      return new CrashFleet(parts, fleet, address);
    } catch (error) {
      await parts[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Gids that are prepared, by resource manager; of a server that is down none. */
  async prepared(): Promise<{ rm: string; gid: string }[]> {
    const { orders, stock } = this.databases;
    const inDatabases = await Promise.all([preparedIn(orders), preparedIn(stock)]);
    return [...inDatabases.flat(), ...preparedInQueue(this.settings.queueFile)];
  }

  /** Whether nothing is prepared, nothing is open, and every event was delivered. */
  async isAtRest(): Promise<boolean> {
    return isNothing(await this.#unfinished());
  }

  async #unfinished(): Promise<Unfinished> {
    const [prepared, open, topics] = await Promise.all([
      this.prepared(),
      this.admin.list().catch(() => undefined),
      this.queue.stats(),
    ]);
    const undelivered = topics.filter((one) => one.acknowledged < one.published);
    return { prepared, open, undelivered };
  }

  /**
   * Waits until nothing is prepared, nothing is open, and every event was delivered. Meanwhile
   * `operator` sees what is open.
   */
  async untilAtRest(timeoutMs = 15_000, operator?: Operator): Promise<void> {
    let left = {};
    const isAtRest = async () => {
      const found = await this.#unfinished();
      left = found;
      if (found.open) await operator?.look(found.open);
      return isNothing(found);
    };
    try {
      await waitUntil(isAtRest, { what: 'the fleet to come to rest', intervalMs: 10, timeoutMs });
    } catch (cause) {
      throw new Error(`the fleet did not come to rest: ${JSON.stringify(left)}`, { cause });
    }
  }

  /** Waits until the coordinator has written all that it had to write. */
  async untilLogQuiet(): Promise<void> {
    let last = -1;
    const isQuiet = async () => {
      const { seq } = await this.admin.status();
      const isSame = seq === last;
      last = seq;
      return isSame;
    };
    // A lazy record waits 50 ms for company.
    await waitUntil(isQuiet, { what: 'the log to be quiet', intervalMs: 80 });
  }

  /** Starts every process anew, with nothing armed. */
  async restartAll(): Promise<void> {
    for (const role of Object.keys(this.processes) as Role[]) {
      this.failpoints[role].disarm();
      await this.processes[role].kill9();
      await this.processes[role].start();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }
}

/** What is not over; what is open is unknown while the coordinator does not answer. */
interface Unfinished {
  readonly prepared: readonly { readonly rm: string; readonly gid: string }[];
  readonly open: readonly TransactionView[] | undefined;
  readonly undelivered: readonly object[];
}

function isNothing({ prepared, open, undelivered }: Unfinished): boolean {
  return prepared.length === 0 && open?.length === 0 && undelivered.length === 0;
}

async function preparedIn(database: pg.Pool): Promise<{ rm: string; gid: string }[]> {
  try {
    const { rows } = await database.query<{ gid: string }>(
      'select gid from pg_prepared_xacts where database = current_database()',
    );
    return rows.map(({ gid }) => named(gid));
  } catch {
    return []; // its server was killed
  }
}

function preparedInQueue(file: string): { rm: string; gid: string }[] {
  const database = new Database(file, { readonly: true });
  try {
    const sql = "select branch from unanimous_branches where state = 'prepared'";
    return (database.prepare(sql).all() as { branch: string }[]).map(({ branch }) => named(branch));
  } finally {
    database.close();
  }
}

function named(branch: string): { rm: string; gid: string } {
  const { rm = 'not ours', gid = branch } = parseBranchId(branch) ?? {};
  return { rm, gid };
}

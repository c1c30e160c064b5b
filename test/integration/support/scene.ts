import type { Limits } from '@unanimous/coordinator';
import type { CommonOptions } from '@unanimous/participant-sdk';
import { Admin } from '../../../examples/support/admin.ts';
import { InProcessCoordinator } from './in-process-coordinator.ts';
import { InReverse } from '../../../examples/support/in-reverse.ts';
import { expectNothingLeft } from './nothing-left.ts';
import { OrderService } from './order-service.ts';
import type { ShopDatabases } from './shop-databases.ts';
import { type StockCaller, StockService } from './stock-service.ts';

/** How a scene is set. */
export interface SceneOptions {
  readonly limits?: Partial<Limits>;
  /** Options of both clients. */
  readonly client?: CommonOptions;
}

/**
 * One story on databases that are there already: a coordinator on a fresh log, the order service and
 * the stock service, all in this process. At its end nothing may be left of any transaction.
 */
export class Scene implements AsyncDisposable {
  readonly databases: ShopDatabases;
  readonly coordinator: InProcessCoordinator;
  readonly admin: Admin;
  readonly orders: OrderService;
  readonly stock: StockService;
  readonly caller: StockCaller;
  readonly #parts: InReverse;

  private constructor(
    databases: ShopDatabases,
    parts: InReverse,
    coordinator: InProcessCoordinator,
    orders: OrderService,
    stock: StockService,
  ) {
    this.databases = databases;
    this.coordinator = coordinator;
    this.admin = parts.use(new Admin(coordinator.address));
    this.orders = orders;
    this.stock = stock;
    this.caller = parts.use(stock.client());
    this.#parts = parts;
  }

  /** Sets the scene called `name`. */
  static async open(
    databases: ShopDatabases,
    name: string,
    { limits = {}, client = {} }: SceneOptions = {},
  ): Promise<Scene> {
    const parts = new InReverse();
    try {
      const { dir, ordersUrl, stockUrl } = databases;
      const coordinator = parts.use(await InProcessCoordinator.launch(dir.file(name), limits));
      const options = { closeTimeoutMs: 50, scanIntervalMs: 200, ...client };
      const { address } = coordinator;
      const queueFile = dir.file(`${name}.db`);
      const orders = await OrderService.start({ ...options, address, ordersUrl, queueFile });
      parts.use(orders);
      const stock = parts.use(await StockService.start({ ...options, address, stockUrl }));
      return new Scene(databases, parts, coordinator, orders, stock);
    } catch (error) {
      await parts[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Places an order in both databases. */
  async place(id: string): Promise<void> {
    await this.orders.insert(id);
    await this.caller.reserve(id);
  }

  /** In how many of the databases an order is. */
  async countOf(id: string): Promise<number> {
    const { orders, stock } = this.databases;
    const found = await Promise.all([
      orders.query('select from orders where id = $1', [id]),
      stock.query('select from reservations where order_id = $1', [id]),
    ]);
    return found.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0);
  }

  /** Names of the branches that are prepared in a database. */
  async prepared(database: 'orders' | 'stock'): Promise<string[]> {
    const sql = 'select gid from pg_prepared_xacts where database = current_database()';
    const { rows } = await this.databases[database].query<{ gid: string }>(sql);
    return rows.map(({ gid }) => gid);
  }

  /** Waits until nothing is left of any transaction. */
  async expectNothingLeft(): Promise<void> {
    const { admin, databases, orders, stock } = this;
    const onlookers = [databases.orders, databases.stock];
    await expectNothingLeft({ admin, databases: onlookers, pools: [orders.pool, stock.pool] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }
}

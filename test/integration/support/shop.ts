import { Admin } from '../../../examples/support/admin.ts';
import { CoordinatorProcess } from './coordinator-process.ts';
import { InReverse } from '../../../examples/support/in-reverse.ts';
import { OrderService } from './order-service.ts';
import { ShopDatabases } from './shop-databases.ts';
import { type StockCaller, StockService } from './stock-service.ts';

/** A shop: coordinator, two databases, a queue, the order service and the stock service. */
export interface Shop extends AsyncDisposable {
  readonly databases: ShopDatabases;
  readonly coordinator: CoordinatorProcess;
  readonly admin: Admin;
  readonly orders: OrderService;
  readonly stock: StockService;
  /** Calls the stock service by gRPC. */
  readonly caller: StockCaller;
  readonly queueFile: string;
}

/** Starts a shop: the coordinator is a process, the services live in this one. */
export async function openShop(): Promise<Shop> {
  const stack = new InReverse();
  try {
    const databases = stack.use(await ShopDatabases.start());
    const dataDir = databases.dir.file('coordinator');
    const coordinator = stack.use(await CoordinatorProcess.launch({ dataDir }));
    const { address } = coordinator;
    const admin = stack.use(new Admin(address));
    const { ordersUrl, stockUrl } = databases;
    const queueFile = databases.dir.file('queue.db');
    const orders = stack.use(await OrderService.start({ address, ordersUrl, queueFile }));
    const stock = stack.use(await StockService.start({ address, stockUrl }));
    const caller = stack.use(stock.client());
    const parts = { databases, coordinator, admin, orders, stock, caller, queueFile };
    return { ...parts, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

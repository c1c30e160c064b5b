// The order service as a process: it begins a transaction for each order.
import { UnanimousError } from '@unanimous/participant-sdk';
import { type Placed, serveOrders } from '../../../examples/food-order/services/order-http.ts';
import { OrderService } from '../support/order-service.ts';
import { StockCaller } from '../support/stock-service.ts';
import { readSettings, sayReady } from './shop-settings.ts';

const settings = readSettings();
const { coordinator: address, ordersUrl, queueFile, stockAddress, timeoutMs } = settings;
const pace = {
  max: 16,
  timeoutMs,
  waitAppliedMs: 1_000,
  connectTimeoutMs: 2_000,
  scanIntervalMs: 1_000,
};
const orders = await OrderService.start({ address, ordersUrl, queueFile, ...pace });
const stock = new StockCaller(stockAddress);

async function place({ id }: { readonly id: string }): Promise<Placed> {
  try {
    const { gid } = await orders.tm.transaction(async () => {
      await orders.insert(id);
      await stock.reserve(id, timeoutMs);
      await orders.publish(id);
    });
    return { status: 201, text: gid };
  } catch (error) {
    // What is not known yet is not reported as refused.
    const isUnknown = error instanceof UnanimousError && error.code === 'unknown';
    if (isUnknown) return { status: 202, text: String(error.gid) };
    return { status: 409, text: String(error) };
  }
}

serveOrders(settings.ordersPort, place, sayReady);

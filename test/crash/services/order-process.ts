// The order service as the kill tests need it: the dish says which resources an order writes to.
import { UnanimousError } from '@unanimous/participant-sdk';
import { rabbitmq } from '@unanimous/participant-sdk/rabbitmq';
import * as amqplib from 'amqplib';
import { type Placed, serveOrders } from '../../../examples/food-order/services/order-http.ts';
import { readSettings, sayReady } from '../../integration/services/shop-settings.ts';
import { OrderService } from '../../integration/support/order-service.ts';
import { StockCaller } from '../../integration/support/stock-service.ts';
import { boundedScanMs } from './pace.ts';

const settings = readSettings();
const { coordinator: address, ordersUrl, queueFile, stockAddress, timeoutMs } = settings;
const pace = { waitAppliedMs: 1_000, connectTimeoutMs: 2_000, scanIntervalMs: boundedScanMs };
const orders = await OrderService.start({
  address,
  ordersUrl,
  queueFile,
  max: 16,
  timeoutMs,
  ...pace,
});
const stock = new StockCaller(stockAddress);
const url = process.env.UNANIMOUS_TEST_RABBITMQ;
const broker = url ? await orders.tm.serve(rabbitmq({ rm: 'broker', amqplib, url })) : undefined;

async function write(id: string, dish: string): Promise<void> {
  if (dish === 'alone') return orders.insertUnnamed(id); // nobody else hears of it
  await orders.insert(id);
  if (dish === 'solo') return; // one branch, one phase
  if (dish !== 'home') await stock.reserve(id, timeoutMs);
  await orders.publish(id);
  if (dish === 'told') await broker?.publish('orders', { orderId: id });
  if (dish === 'refused') throw new Error('the customer has changed his mind');
}

async function place({ id, dish }: { readonly id: string; dish: string }): Promise<Placed> {
  try {
    const { gid } = await orders.tm.transaction(() => write(id, dish));
    return { status: 201, text: gid };
  } catch (error) {
    // What is not known yet is not reported as refused.
    const isUnknown = error instanceof UnanimousError && error.code === 'unknown';
    return isUnknown
      ? { status: 202, text: String(error.gid) }
      : { status: 409, text: String(error) };
  }
}

serveOrders(settings.ordersPort, place, sayReady);

// The order service: takes orders over HTTP, and tells what became of them.

import { UnanimousError } from '@unanimous/participant-sdk';
import { type Order, type Placed, serveOrders } from '../../food-order/services/order-http.ts';
import { ready, setting } from '../../support/settings.ts';
import { placeOrder } from './place-order.ts';

async function place(order: Order): Promise<Placed> {
  try {
    await placeOrder(order);
    return { status: 201, text: 'placed' };
  } catch (error) {
    // Never a guess: an order whose outcome is not known yet is not reported as refused.
    const isUnknown = error instanceof UnanimousError && error.code === 'unknown';
    return { status: isUnknown ? 202 : 409, text: String(error) };
  }
}

serveOrders(Number(setting('ORDERS_PORT')), place, ready);

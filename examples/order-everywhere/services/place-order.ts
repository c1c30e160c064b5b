import type { Order } from '../../food-order/services/order-http.ts';
import { cache, events, index, invoices, orders, reserve, tm } from './resources.ts';

/**
 * Writes an order to six places, or to none of them: two databases, a broker, a cache, a search index,
 * and whatever the stock service writes to, which is nobody's business here.
 * @throws UnanimousError with the code `aborted` (nothing was written) or `unknown` (ask again).
 */
export async function placeOrder(order: Order): Promise<void> {
  const { id, dish, portions } = order;
  await tm.transaction(
    async () => {
      // Postgres, by PREPARE TRANSACTION, and MariaDB, by XA.
      await orders.query('insert into orders values ($1, $2, $3)', [id, dish, portions]);
      await invoices.query('insert into invoices values (?, ?)', [id, portions * 950]);
      // These three can't prepare: the decision carries what they get.
      await events.publish('orders-placed', order, { key: id });
      await cache.set(id, order, 1);
      await index.index('orders', id, { dish, portions });
      // Another process, which joins by the metadata of the call.
      await reserve({ orderId: id, dish, portions });
    },
    { name: 'place-order' },
  );
}

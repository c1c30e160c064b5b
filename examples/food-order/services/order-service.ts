// The order service: an order in its own Postgres, a reservation in another service's Postgres and
// an event in a queue. All three, or none.

import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { TransactionClient, UnanimousError } from '@unanimous/participant-sdk';
import { clientInterceptor } from '@unanimous/participant-sdk/grpc';
import { postgres } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import { type Order, type Placed, serveOrders } from './order-http.ts';
import { serveEvents } from './order-events.ts';
import { ready, setting } from '../../support/settings.ts';
import { type Reservation, Stock } from './stock-api.ts';

const tm = new TransactionClient({ address: setting('COORDINATOR'), service: 'orders' });

const { pool: orders } = await tm.serve(
  postgres({ rm: 'orders-db', pg, connectionString: setting('ORDERS_DB'), max: 24 }),
);
const events = await serveEvents(tm);

const stock = new Stock(setting('STOCK'), credentials.createInsecure(), {
  interceptors: [clientInterceptor()],
});
const reserve = promisify((request: Reservation, done: (error: Error | null) => void) => {
  stock.reserve(request, done);
});

async function place({ id, dish, portions }: Order): Promise<Placed> {
  try {
    await tm.transaction(
      async () => {
        const insert = 'insert into orders (id, dish, portions) values ($1, $2, $3)';
        await orders.query(insert, [id, dish, portions]);
        await reserve({ orderId: id, dish, portions });
        await events.publish({ orderId: id, portions });
      },
      { name: 'place-order', timeoutMs: 8_000 },
    );
    return { status: 201, text: 'placed' };
  } catch (error) {
    if (!(error instanceof UnanimousError)) return { status: 409, text: String(error) };
    // Never a guess: an order whose outcome is not known yet is not reported as failed.
    return { status: error.code === 'unknown' ? 202 : 409, text: error.code };
  }
}

serveOrders(Number(setting('ORDERS_PORT')), place, ready);

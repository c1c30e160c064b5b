// The restaurant's stock service. It joins the caller's transaction by the metadata of the call.

import { Server, ServerCredentials } from '@grpc/grpc-js';
import { TransactionClient } from '@unanimous/participant-sdk';
import { serverInterceptor } from '@unanimous/participant-sdk/grpc';
import { postgres } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import { ready, setting } from '../../support/settings.ts';
import { type Reservation, Stock, stockHandlers } from './stock-api.ts';

const tm = new TransactionClient({ address: setting('COORDINATOR'), service: 'stock' });

const { pool: stock } = await tm.serve(
  postgres({ rm: 'stock-db', pg, connectionString: setting('STOCK_DB'), max: 24 }),
);

async function reserve({ orderId, dish, portions }: Reservation): Promise<void> {
  const insert = 'insert into reservations (order_id, dish, portions) values ($1, $2, $3)';
  await stock.query(insert, [orderId, dish, portions]);
  await stock.query('update stock set reserved = reserved + $2 where dish = $1', [dish, portions]);
}

const server = new Server({ interceptors: [serverInterceptor(tm)] });
server.addService(Stock.service, stockHandlers(reserve));
server.bindAsync(setting('STOCK'), ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  ready();
});

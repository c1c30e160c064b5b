// The stock service: a process of its own, which writes to a queue of its own. It knows nothing of the
// five others; that its message appears with their writes, or not at all, is the interceptor's doing.

import { Server, ServerCredentials } from '@grpc/grpc-js';
import { TransactionClient } from '@unanimous/participant-sdk';
import { serverInterceptor } from '@unanimous/participant-sdk/grpc';
import { sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';
import { type Reservation, Stock, stockHandlers } from '../../food-order/services/stock-api.ts';
import { ready, setting } from '../../support/settings.ts';

const address = setting('COORDINATOR');
const tm = new TransactionClient({ address, service: 'stock', scanIntervalMs: 500 });
const queue = await tm.serve(sqliteQueue({ rm: 'stock-queue', file: setting('QUEUE'), Database }));

const reserve = async (reservation: Reservation) => queue.publish('reserved', reservation);

const server = new Server({ interceptors: [serverInterceptor(tm)] });
server.addService(Stock.service, stockHandlers(reserve));
server.bindAsync(setting('STOCK'), ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  ready();
});

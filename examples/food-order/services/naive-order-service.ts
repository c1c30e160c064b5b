// The order service as it is usually written: two writes, one after the other, and nothing that
// ties them. Whoever kills it in between loses an event for ever.

import Database from 'better-sqlite3';
import pg from 'pg';
import { type Order, type Placed, serveOrders } from './order-http.ts';
import { naiveEventsSchema } from './schema.ts';
import { ready, setting } from '../../support/settings.ts';

const orders = new pg.Pool({ connectionString: setting('NAIVE_DB'), max: 16 });
orders.on('error', () => undefined);
const events = new Database(setting('NAIVE_EVENTS'));
events.pragma('journal_mode = wal');
events.exec(naiveEventsSchema);
const publish = events.prepare('insert into events (order_id, portions) values (?, ?)');

async function place({ id, dish, portions }: Order): Promise<Placed> {
  const insert = 'insert into orders (id, dish, portions) values ($1, $2, $3)';
  await orders.query(insert, [id, dish, portions]);
  // Killed here: the order stands, and no other service will ever hear of it.
  publish.run(id, portions);
  return { status: 201, text: 'placed' };
}

serveOrders(Number(setting('NAIVE_PORT')), place, ready);

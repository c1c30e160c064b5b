import { gateOn } from './gate.ts';

/** Orders, each with the transaction that wrote it. A voucher is checked at prepare. */
export const ordersSchema = `
  create table orders (
    id text primary key, gid text not null, portions int not null check (portions > 0),
    voucher text, unique (voucher) deferrable initially deferred
  );
  ${gateOn('orders')}`;

/** Reservations, each with the transaction that wrote it. */
export const stockSchema = `
  create table reservations (order_id text primary key, gid text not null, portions int not null);
  ${gateOn('reservations')}`;

/** Inserts an order. */
export const insertOrder = 'insert into orders (id, gid, portions) values ($1, $2, $3)';

/** Inserts a reservation. */
export const insertReservation =
  'insert into reservations (order_id, gid, portions) values ($1, $2, $3)';

/** The topic of the events. */
export const topic = 'orders.placed';

/** What is told of an order. */
export interface OrderPlaced {
  readonly orderId: string;
  readonly gid: string;
}

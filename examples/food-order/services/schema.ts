/** The order service's tables. */
export const ordersSchema = `
  create table if not exists orders (
    id text primary key, dish text not null, portions int not null
  )`;

/** The stock service's tables: one row a dish, which many orders want at the same time. */
export const stockSchema = `
  create table if not exists stock (dish text primary key, reserved int not null default 0);
  create table if not exists reservations (
    order_id text primary key, dish text not null references stock, portions int not null
  )`;

/** What the restaurant cooks. */
export const dishes = Array.from({ length: 12 }, (_, index) => `dish-${index + 1}`);

/** Fills the stock. */
export const stockRows = `
  insert into stock (dish) select unnest(string_to_array('${dishes.join(',')}', ','))
  on conflict do nothing`;

/** The consumer's table: an order is delivered once, however often its event comes. */
export const deliveriesSchema = `
  create table if not exists deliveries (
    order_id text primary key, portions integer not null, copies integer not null default 1
  ) strict`;

/** The naive service's event list. */
export const naiveEventsSchema = `
  create table if not exists events (order_id text not null, portions integer not null) strict`;

/** The topic (or RabbitMQ queue) of the events. */
export const topic = 'orders.placed';

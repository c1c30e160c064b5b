// The same shop without two-phase commit, to compare: one process, two databases, and either a saga
// (a local transaction each, and a compensation) or an outbox (a table that a relay polls). Both
// remember in the orders' database what is not done, and go on with it after a restart.
import { failpoint } from '@unanimous/proto';
import pg from 'pg';
import { serveOrders } from '../../../examples/food-order/services/order-http.ts';
import { readSettings, sayReady } from '../../integration/services/shop-settings.ts';
import { insertOrder, insertReservation } from '../../integration/support/shop-schema.ts';

const settings = readSettings();
const isSaga = process.env.UNANIMOUS_TEST_STEPS === 'saga';
const orders = new pg.Pool({ connectionString: settings.ordersUrl });
const stock = new pg.Pool({ connectionString: settings.stockUrl });
const pollMs = 100;

await orders.query('create table if not exists pending_steps (id text primary key, dish text)');

/** The first local transaction: the order, and the note that there is more to do. */
async function placeFirst(id: string, dish: string): Promise<void> {
  const client = await orders.connect();
  try {
    await client.query('begin');
    await client.query(insertOrder, [id, 'steps', 1]);
    await client.query('insert into pending_steps values ($1, $2)', [id, dish]);
    await client.query('commit');
  } finally {
    client.release();
  }
  failpoint('steps.after-first');
}

/** The second, repeatable; of a saga it may be refused, and then the first is taken back. */
async function placeSecond(id: string, dish: string): Promise<void> {
  if (isSaga && dish === 'refused') {
    failpoint('steps.before-compensation');
    await orders.query('delete from orders where id = $1', [id]);
  } else {
    await stock.query(`${insertReservation} on conflict do nothing`, [id, 'steps', 1]);
    failpoint('steps.after-second');
  }
  await orders.query('delete from pending_steps where id = $1', [id]);
}

async function finishPending(): Promise<void> {
  const { rows } = await orders.query<{ id: string; dish: string }>('select * from pending_steps');
  for (const { id, dish } of rows) await placeSecond(id, dish);
}

async function relay(): Promise<void> {
  await finishPending().catch(() => undefined);
  setTimeout(() => void relay(), pollMs);
}

if (isSaga) await finishPending();
else void relay();
serveOrders(
  settings.ordersPort,
  async ({ id, dish }) => {
    await placeFirst(id, dish);
    if (isSaga) await placeSecond(id, dish);
    return { status: 201, text: 'steps' };
  },
  sayReady,
);

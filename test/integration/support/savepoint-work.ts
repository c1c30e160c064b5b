import type { OrderService } from './order-service.ts';
import type { ShopDatabases } from './shop-databases.ts';

/** Inserts one order before and one after a savepoint, which the branch still has at its prepare. */
export async function insertAroundSavepoint(orders: OrderService, id: string): Promise<void> {
  await orders.insert(`${id}-before`);
  await orders.pool.query('savepoint hold');
  await orders.insert(`${id}-after`);
}

/** What is there of them. */
export async function ordersLike({ orders }: ShopDatabases, id: string): Promise<string[]> {
  const sql = "select substr(id, length($1) + 2) as end from orders where id like $1 || '-%'";
  const { rows } = await orders.query<{ end: string }>(`${sql} order by id`, [id]);
  return rows.map(({ end }) => end);
}

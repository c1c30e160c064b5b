import Database from 'better-sqlite3';
import { expect } from 'vitest';
import type { Fleet } from './fleet.ts';

/** What each place holds of an order: the gid of the transaction that wrote it. */
interface Traces {
  readonly order: string | undefined;
  readonly reservation: string | undefined;
  readonly delivery: string | undefined;
}

/**
 * Sends the customers home, waits for rest, and compares all places with each other and with what
 * the customers were told.
 */
export async function expectAgreement(fleet: Fleet, atLeast: number): Promise<void> {
  await fleet.customers.leave();
  await fleet.untilAtRest();
  expect(await differences(fleet)).toEqual([]);
  expect(fleet.customers.count('placed')).toBeGreaterThanOrEqual(atLeast);
}

/**
 * Compares both databases and the deliveries row by row, and all of them with what the customers
 * were told. Answers each difference; none when every transaction is everywhere or nowhere, what was
 * confirmed is there and what was refused is not. Call it when the customers have left and the
 * fleet is at rest.
 */
async function differences(fleet: Fleet): Promise<string[]> {
  const found: string[] = [];
  const { answers } = fleet.customers;
  const traces = await tracesOf(fleet);
  for (const [id, { order, reservation, delivery }] of traces) {
    const isEverywhere = order !== undefined && order === reservation && order === delivery;
    if (!isEverywhere) found.push(`${id}: in ${order}, ${reservation} and ${delivery}`);
    const told = answers.get(id);
    if (told?.is === 'refused') found.push(`${id}: refused (${told.why}), but written`);
    if (told?.is === 'placed' && told.gid !== order) {
      found.push(`${id}: confirmed in ${told.gid}, written in ${order}`);
    }
  }
  for (const [id, told] of answers) {
    if (told.is === 'placed' && !traces.has(id)) found.push(`${id}: confirmed, but nowhere`);
  }
  return found;
}

async function tracesOf({ databases, settings }: Fleet): Promise<Map<string, Traces>> {
  const orders = await databases.orders.query('select id, gid from orders');
  const stock = await databases.stock.query('select order_id as id, gid from reservations');
  const order = gidsById(orders.rows);
  const reservation = gidsById(stock.rows);
  const delivery = gidsById(readDeliveries(settings.deliveriesFile));
  const ids = new Set([...order.keys(), ...reservation.keys(), ...delivery.keys()]);
  return new Map(
    [...ids].map((id) => [
      id,
      { order: order.get(id), reservation: reservation.get(id), delivery: delivery.get(id) },
    ]),
  );
}

/** Which transaction wrote each order's row. */
export function gidsById(rows: readonly unknown[]): Map<string, string> {
  return new Map((rows as { id: string; gid: string }[]).map(({ id, gid }) => [id, gid]));
}

/** What the consumer has delivered, and how many copies of each event it saw. */
export function readDeliveries(file: string): { readonly copies: number }[] {
  const database = new Database(file, { readonly: true });
  try {
    return database.prepare('select order_id as id, gid, copies from deliveries').all() as {
      copies: number;
    }[];
  } finally {
    database.close();
  }
}

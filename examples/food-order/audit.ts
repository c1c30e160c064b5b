import { performance } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import type { Deployment } from './deployment.ts';
import type { Screen } from '../support/screen.ts';

/** One thing that must be true, and whether it is. */
interface Finding {
  readonly rule: string;
  readonly holds: boolean;
  readonly seen: string;
}

interface Row {
  readonly id: string;
  readonly portions: number;
}

/** What the load says that must be there. */
interface Expected {
  readonly orders: number;
  readonly placed: number;
  readonly unanswered: number;
}

/** Compares both databases and the queue with each other, once everything has come to rest. */
export async function audit(
  demo: Deployment,
  screen: Screen,
  expected: Expected,
): Promise<boolean> {
  screen.act('3  The audit: what the servers hold, compared with each other');
  await untilAtRest(demo);
  const findings = await inspect(demo, expected);
  for (const { rule, holds, seen } of findings) {
    const mark = holds ? screen.style('green', 'OK  ') : screen.style('red', 'FAIL');
    screen.line(`  ${mark} ${rule}: ${seen}`);
  }
  return findings.every((finding) => finding.holds);
}

async function inspect(demo: Deployment, expected: Expected): Promise<Finding[]> {
  const orders = await rows(demo.ordersDb, 'select id, portions from orders');
  const reserved = await rows(demo.stockDb, 'select order_id as id, portions from reservations');
  const sum = 'select sum(reserved)::int as total from stock';
  const { total } = (await demo.stockDb.query<{ total: number }>(sum)).rows[0] ?? { total: 0 };
  const delivered = deliveries(demo.files.deliveries);
  const prepared = await countPrepared(demo);
  const portions = portionsOf(orders);
  return [
    {
      rule: 'no prepared transaction is left',
      holds: prepared === 0,
      seen: `${prepared}`,
    },
    {
      rule: `at least ${expected.orders} orders`,
      holds: orders.length >= expected.orders,
      seen: `${orders.length} orders, ${portions} portions`,
    },
    {
      rule: 'each order that was confirmed is there, none that was refused',
      holds:
        orders.length >= expected.placed && orders.length <= expected.placed + expected.unanswered,
      seen: `${expected.placed} confirmed, ${expected.unanswered} unanswered`,
    },
    {
      rule: 'orders = reservations',
      holds: isSame(orders, reserved),
      seen: `${orders.length} = ${reserved.length}`,
    },
    {
      rule: 'portions ordered = portions reserved = portions delivered',
      holds: portions === total && portions === portionsOf(delivered),
      seen: `${portions} = ${total} = ${portionsOf(delivered)}`,
    },
    {
      rule: 'orders = events delivered, each order once',
      holds: isSame(orders, delivered),
      seen: `${orders.length} = ${delivered.length}`,
    },
  ];
}

/** Waits for branches that are still being finished, and for the consumer. */
async function untilAtRest(demo: Deployment): Promise<void> {
  const givenUpMs = performance.now() + 15_000;
  while (performance.now() < givenUpMs) {
    const orders = await rows(demo.ordersDb, 'select id, portions from orders');
    const isQuiet = (await countPrepared(demo)) === 0;
    if (isQuiet && deliveries(demo.files.deliveries).length >= orders.length) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function countPrepared(demo: Deployment): Promise<number> {
  const sql = 'select count(*)::int as count from pg_prepared_xacts';
  const counts = await Promise.all(
    [demo.ordersDb, demo.stockDb].map((pool) => pool.query<{ count: number }>(sql)),
  );
  return counts.reduce((sum, result) => sum + (result.rows[0]?.count ?? 0), 0);
}

async function rows(pool: Deployment['ordersDb'], sql: string): Promise<Row[]> {
  return (await pool.query<{ id: string; portions: number }>(sql)).rows;
}

function deliveries(file: string): Row[] {
  const database = new Database(file, { readonly: true });
  try {
    return database.prepare('select order_id as id, portions from deliveries').all() as Row[];
  } finally {
    database.close();
  }
}

function portionsOf(list: readonly Row[]): number {
  return list.reduce((sum, row) => sum + row.portions, 0);
}

function isSame(a: readonly Row[], b: readonly Row[]): boolean {
  const text = (list: readonly Row[]) => {
    return list.map(({ id, portions }) => `${id} ${portions}`).toSorted();
  };
  return text(a).join() === text(b).join();
}

import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { settingsEnv } from '../integration/services/shop-settings.ts';
import { NodeProcess } from '../integration/support/node-process.ts';
import type { CrashFleet } from '../crash/support/crash-fleet.ts';
import { Failpoints } from '../crash/support/failpoints.ts';
import type { Ledger } from '../crash/support/ledger.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { BlockingCase } from './cases.ts';
import { HalfWatch, type Probe, type Seen } from './probe.ts';

/** How long a frozen process sleeps. */
const frozenMs = 2_000;

/** What one run of a case showed. */
export interface CaseRun {
  readonly inDoubt: readonly string[];
  readonly orders: Seen;
  readonly stock: Seen;
  /** How long readers found the order in one database only, in milliseconds. */
  readonly halfMs: number;
  readonly fate: 'committed' | 'aborted';
}

/** The databases with somebody who looks on. */
export interface Onlookers {
  readonly orders: Probe;
  readonly stock: Probe;
}

/** The service that the case hits, with its failpoints. */
export interface Target {
  readonly process: NodeProcess;
  readonly failpoints: Failpoints;
}

/** The saga or the outbox, as a process in the place of the order service. */
export function stepsTarget(fleet: CrashFleet, steps: 'saga' | 'outbox'): Target {
  const program = fileURLToPath(new URL('./services/local-steps-process.ts', import.meta.url));
  const { dir } = fleet.databases;
  const failpoints = new Failpoints(dir.file(`failpoints-${steps}`));
  const process = new NodeProcess({
    name: `the ${steps}`,
    args: ['--conditions=@unanimous/source', '--import', 'tsx', program],
    env: {
      ...settingsEnv(fleet.settings),
      ...failpoints.env,
      UNANIMOUS_TEST_STEPS: steps,
    },
    readyLine: 'ready',
    logFile: dir.file(`${steps}.log`),
  });
  return { process, failpoints };
}

/** Places an order, hits the target, looks on, and mends it at once, as a supervisor would. */
export async function runCase(
  fleet: CrashFleet,
  ledger: Ledger,
  one: BlockingCase,
  target: Target,
  look: Onlookers,
): Promise<CaseRun> {
  await fleet.untilAtRest();
  const before = await Promise.all([look.orders.value(), look.stock.value()]);
  const { process: hit, failpoints } = target;
  const { point: name, about, action } = one;
  // Where nothing is hit it waits for a moment only, so that everybody looks from there on.
  failpoints.arm({ name, about, action: action === 'none' ? 'pause' : action });
  const order = ledger.place(one.dish);
  const half = new HalfWatch(look.orders, look.stock, order.id);
  await failpoints.untilFired(name);
  if (action === 'none') failpoints.go();
  const seen = [look.orders.watch(before[0]), look.stock.watch(before[1])] as const;
  const inDoubt = [...new Set((await fleet.prepared()).map(({ rm }) => rm))].toSorted();
  failpoints.disarm();
  if (action === 'stop') {
    await delay(frozenMs);
    hit.wake();
  } else if (action === 'kill') {
    await hit.kill9();
    await hit.start();
  }
  const [orders, stock] = await Promise.all(seen);
  await order.told;
  await fleet.untilAtRest();
  await untilWhole(look, order.id);
  return { inDoubt, orders, stock, halfMs: await half.stop(), fate: await ledger.fateOf(order.id) };
}

/** Waits until an order is in both databases or in none. */
async function untilWhole({ orders, stock }: Onlookers, id: string): Promise<void> {
  const isWhole = async () =>
    (await orders.holds('orders', 'id', id)) ===
    (await stock.holds('reservations', 'order_id', id));
  await waitUntil(isWhole, { what: `${id} to be in both databases or in none`, intervalMs: 5 });
}

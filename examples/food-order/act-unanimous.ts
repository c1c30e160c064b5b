import { performance } from 'node:perf_hooks';
import type { TransactionClient } from '@unanimous/participant-sdk';
import { type Blocked, Onlooker, outcomesOf } from './blocking.ts';
import type { Deployment } from './deployment.ts';
import { Load, type LoadCounts } from './load.ts';
import type { Screen } from '../support/screen.ts';
import { dishes } from './services/schema.ts';
import type { DemoSize } from './size.ts';

/** Something that is killed and comes back. */
interface Victim {
  readonly name: string;
  readonly pid: () => number;
  readonly kill9: () => Promise<void>;
  readonly start: () => Promise<void>;
}

/** What the act has seen. */
export interface UnanimousAct {
  readonly kills: number;
  readonly load: LoadCounts;
  /** Longest time from a kill to the last of its in-doubt branches, in milliseconds. */
  readonly longestBlockedMs: number;
}

/** The same load in transactions, with kill -9 of everything while they are in flight. */
export async function playUnanimous(
  demo: Deployment,
  tm: TransactionClient,
  screen: Screen,
  size: DemoSize,
): Promise<UnanimousAct> {
  screen.act('2  With Unanimous: order, stock and event in one transaction');
  const started = [demo.stock.start(), demo.orders.start(), demo.consumer.start()];
  await Promise.all(started);
  screen.event(`${demo.coordinator.readyLine}, pid ${demo.coordinator.pid}`);
  const databases = new Map([
    ['orders-db', demo.ordersDb],
    ['stock-db', demo.stockDb],
  ]);
  const onlooker = new Onlooker(databases);
  const load = new Load(demo.ordersUrl, { customers: 16, prefix: 'order' });
  const stopLive = showLive(load, onlooker, screen);
  let longestBlockedMs = 0;
  const plan = killPlan(demo).slice(0, size.kills);
  const pause = Math.floor(size.orders / size.kills);
  for (const victim of plan) {
    const wanted = load.counts.placed + pause;
    await until(() => load.counts.placed >= wanted);
    const blockedMs = await killOnce(victim, onlooker, tm, screen);
    longestBlockedMs = Math.max(longestBlockedMs, blockedMs);
  }
  await until(() => load.counts.placed >= size.orders);
  const counts = await load.stop();
  stopLive();
  return { kills: plan.length, load: counts, longestBlockedMs };
}

function killPlan(demo: Deployment): Victim[] {
  const service = (process: Deployment['orders']): Victim => ({
    name: process.name,
    pid: () => process.pid,
    kill9: () => process.kill9(),
    start: () => process.start(),
  });
  const server = (name: string, postgres: Deployment['ordersServer']): Victim => ({
    name,
    pid: () => postgres.pid,
    kill9: () => postgres.kill9(),
    start: () => postgres.restart(),
  });
  const coordinator = service(demo.coordinator);
  const orders = service(demo.orders);
  const stock = service(demo.stock);
  const consumer = service(demo.consumer);
  const ordersPostgres = server("the orders' Postgres server", demo.ordersServer);
  const stockPostgres = server("the stock's Postgres server", demo.stockServer);
  return [
    ...[coordinator, stock, orders, stockPostgres, coordinator, consumer],
    ...[ordersPostgres, orders, coordinator, stock, stockPostgres, coordinator],
  ];
}

/** Kills at a moment when branches are prepared, and watches until the last of them is resolved. */
async function killOnce(
  victim: Victim,
  onlooker: Onlooker,
  tm: TransactionClient,
  screen: Screen,
): Promise<number> {
  const pid = victim.pid();
  for (let look = 0; look < 200 && (await onlooker.prepared()).length === 0; look++);
  const killedMs = performance.now();
  await victim.kill9();
  screen.event(`kill -9 ${victim.name} (pid ${pid})`, 'red');
  const blocked = await onlooker.blocked();
  screen.detail(describe(blocked));
  await victim.start();
  const backMs = performance.now() - killedMs;
  const resolvedMs = await onlooker.untilResolved(blocked.branches, killedMs);
  const back = `back after ${backMs.toFixed(0)} ms`;
  if (blocked.branches.length === 0) screen.event(`${back}; nothing was in doubt`, 'green');
  else screen.event(`${back}; all resolved, blocked ${resolvedMs.toFixed(0)} ms`, 'green');
  const resolved = await outcomesOf(tm, blocked.branches);
  for (const { gid, outcome, rms } of resolved.slice(0, 3)) {
    screen.detail(`${outcome.padEnd(10)}${gid}: ${rms.join(', ')}`);
  }
  if (resolved.length > 3) screen.detail(`and ${resolved.length - 3} more`);
  return blocked.branches.length === 0 ? 0 : resolvedMs;
}

function describe({ branches, locks, lockedDishes }: Blocked): string {
  if (branches.length === 0) return 'in doubt: nothing that a living database shows';
  const count = (rm: string) => branches.filter((branch) => branch.rm === rm).length;
  const rms = [...new Set(branches.map((branch) => branch.rm))];
  const where = rms.map((rm) => `${count(rm)} in ${rm}`).join(', ');
  const held = [...locks].map(([table, number]) => `${table} (${number})`).join(', ');
  const blocked = `${lockedDishes} of ${dishes.length} dishes are locked for writers`;
  return `in doubt: ${where}; they lock ${held}; ${blocked}`;
}

function showLive(load: Load, onlooker: Onlooker, screen: Screen): () => void {
  const show = async () => {
    const prepared = (await onlooker.prepared()).length;
    const { placed, refused, unanswered } = load.counts;
    const counts = `${placed} placed, ${refused} refused, ${unanswered} unanswered`;
    screen.live(`${screen.seconds.toFixed(0)} s  ${counts}, ${prepared} prepared now`);
  };
  const timer = setInterval(() => void show(), 200);
  return () => {
    clearInterval(timer);
    screen.live('');
  };
}

async function until(condition: () => boolean): Promise<void> {
  const givenUpMs = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > givenUpMs) throw new Error('the load makes no progress any more');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

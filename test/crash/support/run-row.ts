import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { Unary } from '../../integration/support/unary.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { allowedMs } from './bounds.ts';
import type { CrashFleet } from './crash-fleet.ts';
import type { CrashRow } from './crash-row.ts';
import type { Armed, Failpoints } from './failpoints.ts';
import type { Ledger, PlacedOrder } from './ledger.ts';

/** What one row of the table came to. */
export interface RowResult {
  readonly row: CrashRow;
  readonly fate: 'committed' | 'aborted';
  /** From the fault until all locks were gone. */
  readonly blockedMs: number;
  /** The part of it for which the row has a bound. */
  readonly settledMs: number;
}

/** Places an order, hits the process, mends it, and compares what is found with the row. */
export async function runRow(fleet: CrashFleet, ledger: Ledger, row: CrashRow): Promise<RowResult> {
  const { dish, after, by } = row;
  if (by === 'retention') await keepOutcomes(fleet, 300);
  await fleet.untilAtRest();
  await fleet.untilLogQuiet();

  const first = { ...(after ?? row), action: after ? 'kill' : row.action } as const;
  const armed = { name: first.point, about: first.about, at: first.at, action: first.action };
  const points = fleet.failpoints[first.role];
  if (by === 'resolve') fleet.failpoints.stock.arm({ name: 'p.finish.before', action: 'kill' });
  else if (by !== 'retention') points.arm(armed);
  const isByOrder = by === undefined || by === 'resolve';
  const order = isByOrder
    ? await orderUntilFired(fleet, ledger, dish, by === 'resolve' ? fleet.failpoints.stock : points)
    : ledger.place(dish);
  if (by === 'SIGTERM') process.kill(fleet.processes.coordinator.pid, 'SIGTERM');
  if (by === 'resolve') await armAndResolve(fleet, armed);
  if (by === 'retention') {
    await order.told; // what was placed before is forgotten, too
    points.arm(armed);
  }
  await points.untilFired(first.point);
  const faultMs = performance.now();
  const starting = after && (await hitAgain(fleet, row));
  if (isHeld(row)) await fleet.disk?.untilHeld();
  const gid = isOnDisk(row) ? await gidOf(fleet, row) : undefined;

  await untilOthersLetGo(fleet, row);
  const beganMs = await settle(fleet, row, await mend(fleet, row, starting));
  const endMs = performance.now();
  if (by === 'retention') await keepOutcomes(fleet, undefined);

  await order.told;
  // A client may have tried again meanwhile, and who threw may end only now.
  const isOver = async () => (await revive(fleet, row), fleet.isAtRest());
  await waitUntil(isOver, { what: 'the fleet to come to rest', intervalMs: 10 });
  if (gid !== undefined) await checkAnswers(fleet, gid);
  const fate = await ledger.fateOf(order.id);
  expect(await ledger.violations()).toEqual([]);
  if (row.fate !== 'either') expect(fate).toBe(row.fate);
  return { row, fate, blockedMs: endMs - faultMs, settledMs: endMs - beganMs };
}

/** Orders until one comes to the point: on a busy machine the deadline of the first may come before. */
async function orderUntilFired(
  fleet: CrashFleet,
  ledger: Ledger,
  dish: CrashRow['dish'],
  points: Failpoints,
): Promise<PlacedOrder> {
  for (let attempt = 1; ; attempt += 1) {
    const order = ledger.place(dish);
    // Its client may be told before the process comes to a point behind that.
    const atRest = order.told.then(() => fleet.untilAtRest()).then(isTrue, isTrue);
    while (!points.hasFired && !(await Promise.race([atRest, delay(2, false)])));
    if (points.hasFired || attempt === 5) return order;
  }
}

const isTrue = (): true => true;

/** The log waits in a sync, and the rest of the coordinator lives on. */
function isHeld({ action }: CrashRow): boolean {
  return action === 'before-sync' || action === 'after-sync';
}

function isOnDisk(row: CrashRow): boolean {
  return isHeld(row) || row.power !== undefined;
}

/** The transaction that is on its way, where anybody can tell. */
async function gidOf(fleet: CrashFleet, row: CrashRow): Promise<string | undefined> {
  const [prepared] = await fleet.prepared();
  if (prepared || !isHeld(row) || row.after) return prepared?.gid;
  const [open] = await fleet.admin.list().catch(() => []);
  return open?.gid;
}

/** The coordinator says the same now, and after another kill. */
async function checkAnswers(fleet: CrashFleet, gid: string): Promise<void> {
  using unary = new Unary(fleet.settings.coordinator);
  const answer = await unary.outcome(gid);
  await fleet.processes.coordinator.kill9();
  await fleet.processes.coordinator.start();
  const isSame = async () => expect(await unary.outcome(gid)).toEqual(answer);
  await waitUntil(async () => isSame().then(() => true), { what: 'the same answer once more' });
  await fleet.untilAtRest();
}

/** The second fault: the process that is started again meets its point. */
async function hitAgain(fleet: CrashFleet, { role, point, about, at, action, after }: CrashRow) {
  const killed = after?.role ?? role;
  await fleet.processes[killed].kill9();
  fleet.failpoints[killed].disarm();
  fleet.failpoints[role].arm({ name: point, about, at, action });
  // It may die before it says that it is ready.
  const starting = fleet.processes[killed].start().catch(() => undefined);
  await fleet.failpoints[role].untilFired(point);
  return { starting };
}

/** Who is not in doubt lets go as soon as it notices: by itself, or at the deadline. */
async function untilOthersLetGo(fleet: CrashFleet, { inDoubt, action }: CrashRow): Promise<void> {
  if (!inDoubt) return;
  const expected = inDoubt.toSorted();
  const areHeld = async () => (await held(fleet)).join() === expected.join();
  const timeoutMs = allowedMs(action === 'kill' || action === 'throw' ? 'S' : 'D+S');
  await waitUntil(areHeld, { what: `only ${expected.join()} to be in doubt`, timeoutMs });
}

/** The stock service is gone with a decided branch; an operator speaks, and the coordinator dies. */
async function armAndResolve(fleet: CrashFleet, armed: Armed): Promise<void> {
  const { stock, coordinator } = fleet.failpoints;
  await stock.untilFired('p.finish.before');
  await fleet.processes.stock.kill9();
  stock.disarm();
  let gid = '';
  const isAlone = async () => {
    const [one] = await fleet.admin.list();
    gid = one?.gid ?? '';
    return (await held(fleet)).join() === 'stock-db' && gid !== '';
  };
  await waitUntil(isAlone, { what: 'the others to commit' });
  const { branches } = await fleet.admin.show(gid);
  const { branch = 0 } = branches.find(({ rm }) => rm === 'stock-db') ?? {};
  coordinator.arm(armed);
  const why = { operator: 'a test', reason: 'looked into the database' };
  fleet.admin
    .resolve({ gid, branch, resolution: 'RESOLVED_COMMITTED', ...why })
    .catch(() => undefined); // it dies before it answers
}

/** Resource managers that hold something prepared. */
async function held(fleet: CrashFleet): Promise<string[]> {
  return [...new Set((await fleet.prepared()).map(({ rm }) => rm))].toSorted();
}

/** Lets everything run again. Returns when its bound began. */
async function mend(
  fleet: CrashFleet,
  row: CrashRow,
  again: { readonly starting: Promise<void> } | undefined,
): Promise<number> {
  const { role, action, by } = row;
  const target = fleet.failpoints[role];
  const hit = fleet.processes[role];
  if (action === 'stop' || action === 'pause') await untilPastDeadline(fleet, role);
  target.disarm();
  let beganMs = performance.now();
  if (action === 'stop') hit.wake();
  if (action === 'pause') target.go();
  if (action === 'kill' || isHeld(row)) await hit.kill9(); // waits until it is gone
  await again?.starting;
  if (again && action === 'stop' && role !== 'coordinator') beganMs = performance.now();
  if (action === 'kill' || isHeld(row)) {
    if (row.power !== undefined) fleet.disk?.cutPower(row.power);
    beganMs = await startAgain(fleet, role);
  }
  if (by === 'resolve') {
    await fleet.processes.stock.start();
    beganMs = performance.now();
  }
  return beganMs;
}

/** Waits for the end of all that is blocked, as long as the bound allows. Returns when that began. */
async function settle(fleet: CrashFleet, row: CrashRow, beganMs: number): Promise<number> {
  const leftMs = () => Math.max(0, beganMs + allowedMs(row.bound) - performance.now());
  if (row.action !== 'throw' && row.by !== 'SIGTERM') {
    await fleet.untilAtRest(leftMs());
    return beganMs;
  }
  const hit = fleet.processes[row.role];
  const mustEnd = row.by === 'SIGTERM' && (row.action === 'stop' || row.action === 'pause');
  const isSettled = async () => {
    if (mustEnd && hit.isRunning) return false; // it may end when nothing is blocked any more
    beganMs = (await revive(fleet, row)) ?? beganMs;
    return fleet.isAtRest();
  };
  const what = `an end of ${mustEnd ? hit.name : 'all that it blocks'}`;
  await waitUntil(isSettled, { what, intervalMs: 10, timeoutMs: leftMs() });
  return beganMs;
}

/** Starts the process again when it has ended, as a supervisor does. Returns when its bound began. */
async function revive(fleet: CrashFleet, { role }: CrashRow): Promise<number | undefined> {
  const hit = fleet.processes[role];
  if (hit.isRunning) return undefined;
  return startAgain(fleet, role);
}

/** Returns when its bound began. */
async function startAgain(fleet: CrashFleet, role: CrashRow['role']): Promise<number> {
  await fleet.processes[role].start();
  return role === 'coordinator' ? fleet.failpoints.coordinator.beganMs : performance.now();
}

/** Waits until whatever is still undecided is past its deadline. */
async function untilPastDeadline({ settings, admin }: CrashFleet, role: string): Promise<void> {
  const sinceMs = performance.now();
  const isPast = async () => {
    if (performance.now() - sinceMs < settings.timeoutMs + 200) return false;
    // A frozen coordinator answers nobody; one whose log waits has one decision in flight.
    return role === 'coordinator' || (await admin.list('active', 'preparing')).length === 0;
  };
  await waitUntil(isPast, { what: 'the deadline to pass', intervalMs: 20 });
}

/** Starts the coordinator anew with another retention; its default unless told. */
async function keepOutcomes(fleet: CrashFleet, retainMs: number | undefined): Promise<void> {
  const { coordinatorArgs: args, processes } = fleet;
  const at = args.indexOf('--retain-outcomes-ms');
  if (at >= 0) args.splice(at, 2);
  if (retainMs !== undefined) args.push('--retain-outcomes-ms', String(retainMs));
  await processes.coordinator.kill9();
  await processes.coordinator.start();
}

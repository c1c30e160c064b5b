import { performance } from 'node:perf_hooks';
import { expect } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import type { CrashFleet } from './crash-fleet.ts';
import type { CrashRow } from './crash-rows.ts';
import type { Ledger } from './ledger.ts';

/** What one row of the table came to. */
export interface RowResult {
  readonly row: CrashRow;
  readonly fate: 'committed' | 'aborted';
  /** From the fault until all locks were gone. */
  readonly blockedMs: number;
  /** From the moment at which everything ran again until all locks were gone. */
  readonly settledMs: number;
}

/** Longest time in which everything is settled once everything runs again; see `docs/guarantees.md`. */
const settledWithinMs = 8_000;

/** Places an order, hits the process, mends it, and compares what is found with the row. */
export async function runRow(fleet: CrashFleet, ledger: Ledger, row: CrashRow): Promise<RowResult> {
  const { role, point, about, at, action, dish, inDoubt, after, by } = row;
  const target = fleet.failpoints[role];
  if (by === 'retention') await keepOutcomes(fleet, 300);
  await fleet.untilAtRest();
  await fleet.untilLogQuiet();
  const armed = { name: point, about, at, action } as const;

  const first = after ? fleet.failpoints[after.role] : target;
  if (after) first.arm({ name: after.point, action: 'kill' });
  else if (by === 'resolve')
    fleet.failpoints.stock.arm({ name: 'p.finish.before', action: 'kill' });
  else if (by !== 'retention') target.arm(armed);
  const order = ledger.place(dish);
  if (by === 'SIGTERM') process.kill(fleet.processes.coordinator.pid, 'SIGTERM');
  if (by === 'resolve') await armAndResolve(fleet, row);
  if (by === 'retention') {
    await order.told; // what was placed before is forgotten, too
    target.arm(armed);
  }
  await (by === 'resolve' ? target : first).untilFired(after?.point ?? point);
  const faultMs = performance.now();
  if (after) await killAgain(fleet, row);

  if (inDoubt) {
    const expected = inDoubt.toSorted();
    const areHeld = async () => (await held(fleet)).join() === expected.join();
    // The rest lets go by itself as soon as it hears of it.
    await waitUntil(areHeld, { what: `only ${expected.join()} to be in doubt`, timeoutMs: 6_000 });
  }
  await mend(fleet, row);
  const mendedMs = performance.now();
  await fleet.untilAtRest(settledWithinMs);
  const endMs = performance.now();
  if (by === 'retention') await keepOutcomes(fleet, undefined);

  await order.told;
  await fleet.untilAtRest(); // a client may have tried again meanwhile
  const fate = await ledger.fateOf(order.id);
  expect(await ledger.violations()).toEqual([]);
  if (row.fate !== 'either') expect(fate).toBe(row.fate);
  return { row, fate, blockedMs: endMs - faultMs, settledMs: endMs - mendedMs };
}

/** The second kill: the process that is started again meets its point. */
async function killAgain(fleet: CrashFleet, { role, point, about, at, action, after }: CrashRow) {
  const killed = after?.role ?? role;
  await fleet.processes[killed].kill9();
  fleet.failpoints[killed].disarm();
  fleet.failpoints[role].arm({ name: point, about, at, action });
  // It may die before it says that it is ready.
  await fleet.processes[killed].start().catch(() => undefined);
  await fleet.failpoints[role].untilFired(point);
}

/** The stock service is gone with a decided branch; an operator speaks, and the coordinator dies. */
async function armAndResolve(fleet: CrashFleet, { point, action }: CrashRow): Promise<void> {
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
  coordinator.arm({ name: point, action });
  const why = { operator: 'a test', reason: 'looked into the database' };
  fleet.admin
    .resolve({ gid, branch, resolution: 'RESOLVED_COMMITTED', ...why })
    .catch(() => undefined); // it dies before it answers
}

/** Resource managers that hold something prepared. */
async function held(fleet: CrashFleet): Promise<string[]> {
  return [...new Set((await fleet.prepared()).map(({ rm }) => rm))].toSorted();
}

async function mend(fleet: CrashFleet, { role, point, action, by }: CrashRow): Promise<void> {
  const target = fleet.failpoints[role];
  const hit = fleet.processes[role];
  if (action === 'stop' || action === 'pause') await untilPastDeadline(fleet, role);
  target.disarm();
  if (action === 'stop') hit.wake();
  if (action === 'pause') target.go();
  const stoppedItself = action === 'throw' && point.startsWith('log.');
  if (action === 'kill' || stoppedItself) {
    await hit.kill9(); // waits until it is gone
    await hit.start();
  }
  if (by === 'resolve') await fleet.processes.stock.start();
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

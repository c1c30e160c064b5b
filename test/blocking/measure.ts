// npm run blocking [-- --runs N]
// Measures who waits for whom when a process dies, by real processes on real databases, and puts the
// figures into docs/blocking.md and docs/blocking.svg.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeFigures } from '../../scripts/write-figures.ts';
import { CrashFleet } from '../crash/support/crash-fleet.ts';
import { Ledger } from '../crash/support/ledger.ts';
import { type BlockingCase, blockingCases } from './cases.ts';
import { chartOf } from './chart.ts';
import { counterSchema, Probe } from './probe.ts';
import { type Row, rowOf, tablesOf } from './report.ts';
import { type CaseRun, type Onlookers, runCase, stepsTarget, type Target } from './run-case.ts';

const chart = new URL('../../docs/blocking.svg', import.meta.url);

const { values } = parseArgs({ options: { runs: { type: 'string', default: '7' } } });
const runCount = Number(values.runs);

await using fleet = await CrashFleet.start({ timeoutMs: 5_000 });
const { databases } = fleet;
await databases.orders.query(counterSchema('orders'));
await databases.stock.query(counterSchema('reservations'));
await using orders = new Probe(databases.ordersUrl);
await using stock = new Probe(databases.stockUrl);
const look: Onlookers = { orders, stock };
const ledger = new Ledger(fleet);
await ledger.place('all').told;

const rows: Row[] = [];
for (const way of ['two-phase commit', 'saga', 'outbox'] as const) {
  const steps = way === 'two-phase commit' ? undefined : stepsTarget(fleet, way);
  // The three take the same port.
  if (steps) {
    await fleet.processes.orders.kill9();
    await steps.process.start();
  }
  for (const one of blockingCases.filter((each) => each.way === way)) {
    rows.push(rowOf(one, await runsOf(one, steps ?? targetOf(one))));
    const { blockedMs, halfMs } = rows.at(-1) as Row;
    console.log(`${way}: ${one.hit}: blocked ${blockedMs.p50} ms, half ${halfMs.p50} ms`);
  }
  await steps?.process[Symbol.asyncDispose]();
}

writeFigures('blocking.md', tablesOf(rows));
writeFileSync(chart, chartOf(rows));

async function runsOf(one: BlockingCase, target: Target): Promise<CaseRun[]> {
  const runs: CaseRun[] = [];
  for (let run = 0; run < runCount; run++) {
    await Promise.all([orders.warm(), stock.warm()]);
    runs.push(await runCase(fleet, ledger, one, target, look));
  }
  return runs;
}

function targetOf({ role }: BlockingCase): Target {
  if (role === 'steps') throw new Error('a saga or an outbox is no part of the fleet');
  return { process: fleet.processes[role], failpoints: fleet.failpoints[role] };
}

import { expect, test } from 'vitest';
import { waitUntil } from '../support/wait-until.ts';
import { FaultPlan, type PortFault, strikeEach } from './port-fault.ts';
import { PortScene } from './port-scene.ts';

// The n-th call of the log fails, under the production coordinator and client: nobody may ever hear
// what the log contradicts, and a coordinator whose log has failed stops.

/** The methods, each with what happens to a coordinator when it fails while serving. */
const methods = {
  open: 'does not start',
  follow: 'does not start',
  becomeActive: 'does not start',
  append: 'stops',
  appendLazily: 'stops',
  compact: 'stops',
  holds: 'goes on',
  close: 'goes on',
} as const;

/** Lives with the fault until it has struck or there is nothing left to do; says whether it has. */
async function liveWith(fault: PortFault): Promise<boolean> {
  const what = `${fault.method} ${fault.n} ${fault.when} ${fault.times}`;
  const plan = new FaultPlan(fault);
  await using scene = new PortScene();
  const { host } = scene;
  host.limits = { retainOutcomesMs: 10, retainOutcomes: 1 };
  host.wrapLog = (log) => plan.over(log);
  const started = await host.up().then(
    () => true,
    () => false,
  );
  if (methods[fault.method as keyof typeof methods] === 'does not start') {
    expect(started, what).toBe(!plan.hasFired);
  }
  if (!started) {
    host.wrapLog = (log) => log; // somebody mends the disk, and starts again
    await host.up();
  }
  const serves = await scene.serve();
  for (let n = 1; n <= 2 && !host.failure; n += 1) {
    await scene.write(`a${n}`, 'both');
    await scene.write(`b${n}`, 'one');
    await scene.write(`c${n}`, 'both', true);
    scene.cutLine(); // the client comes back, and shows what it has seen of the log
  }
  if (started && plan.hasFired && methods[fault.method as keyof typeof methods] === 'stops') {
    await waitUntil(() => host.failure !== undefined, { what: `${what}: the stop` });
  }
  await host.down();
  host.wrapLog = (log) => log;
  await host.up();
  if (!serves) await scene.serve();
  await scene.writeAtLast('after');
  await scene.checkResolved(what);
  return plan.hasFired;
}

test.concurrent.each(Object.keys(methods))(
  'whichever %s fails, nobody hears what the log contradicts',
  async (method) => {
    expect(await strikeEach(method, liveWith)).toBeGreaterThan(0);
  },
  60_000,
);

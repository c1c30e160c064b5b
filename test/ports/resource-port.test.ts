import { expect, test } from 'vitest';
import type { OpenBranch, Resource, ResourceHost } from '../../participant-sdk/src/resource.ts';
import { FaultPlan, type PortFault, strikeEach } from './port-fault.ts';
import { PortScene } from './port-scene.ts';

// The n-th call of a resource fails, under the production coordinator and client: what was told holds,
// and everything is resolved, once the resource works again.

/** The resource and its open branches, with the fault among their calls. */
function withFault(resource: Resource, plan: FaultPlan): Resource {
  const faulty = plan.over(resource);
  return new Proxy(faulty, {
    get(_, name) {
      if (name === 'acceptWork') {
        return async (...args: Parameters<NonNullable<Resource['acceptWork']>>) => {
          const branch = await faulty.acceptWork?.(...args);
          return branch && withBranchFault(branch, plan);
        };
      }
      if (name !== 'attach') return Reflect.get(faulty, name) as unknown;
      return (host: ResourceHost) =>
        resource.attach({
          ...host,
          doom: (id, reason) => host.doom(id, reason),
          branch: (open) => host.branch((id) => withBranchFault(open(id), plan)),
        });
    },
  });
}

/** A connection that breaks takes the open work along, unless that was ended before. */
function withBranchFault<B extends OpenBranch>(branch: B, plan: FaultPlan): B {
  return plan.over(branch, () => branch.rollback());
}

async function liveWith(fault: PortFault): Promise<boolean> {
  const what = `${fault.method} ${fault.n} ${fault.when} ${fault.times}`;
  const plan = new FaultPlan(fault);
  await using scene = new PortScene();
  const { host } = scene;
  await host.up();
  const serves = await scene.serve((resource) => withFault(resource, plan));
  if (serves) {
    await scene.write('b0', 'one');
    await scene.write('a1', 'both');
    await scene.write('b1', 'one');
    await scene.write('c1', 'both', true);
    await scene.writeRefused('d1');
    await scene.handOver('f1', 'both');
    await scene.handOver('g1', 'one');
    await scene.writeLost('e1');
    scene.cutLine(); // branches in doubt are scanned for again
    await scene.write('a2', 'both');
  }
  const struck = plan.hasFired;
  plan.mend();
  if (!serves) await scene.serve();
  await scene.writeAtLast('after');
  await scene.checkResolved(what);
  return struck;
}

test.concurrent.each([
  'open',
  'scan',
  'remembered',
  'remember',
  'commit',
  'abort',
  'settle',
  'prepare',
  'ready',
  'commitOnePhase',
  'rollback',
  'acceptWork',
])(
  'whichever %s fails, all writes land or none, and nothing stays in doubt',
  async (method) => {
    expect(await strikeEach(method, liveWith)).toBeGreaterThan(0);
  },
  60_000,
);

test('work that is handed over lands, in two databases and in one', async () => {
  await using scene = new PortScene();
  await scene.host.up();
  await scene.serve();
  await scene.handOver('f1', 'both');
  await scene.handOver('g1', 'one');
  expect(scene.outcomes).toEqual(['committed', 'committed']);
  await scene.checkResolved('handed over');
});

test('one phase whose position cannot be remembered is rolled back, not left open', async () => {
  await using scene = new PortScene();
  await scene.host.up();
  await scene.serve();
  scene.stock.hooks.remember = () => {
    throw new Error('no connection');
  };
  await scene.write('b1', 'one');
  expect(scene.outcomes).toEqual(['aborted']);
  expect(scene.stores.stock.open.size).toBe(0);
  delete scene.stock.hooks.remember;
  await scene.writeAtLast('after');
  await scene.checkResolved('remember');
});

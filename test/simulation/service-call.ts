import { UnanimousError } from '@unanimous/proto';
import { carryScope } from './carried-scopes.ts';
import type { Fact, Group } from './ledger.ts';
import { rmName, type StepPlan } from './plan.ts';
import type { Service } from './service-node.ts';
import type { Simulation } from './simulation.ts';
import type { SimProcess } from './sim-process.ts';

/** A call of another service, which joins a transaction. */
interface ServiceCall {
  readonly fact: Fact;
  readonly step: StepPlan;
  readonly baggage: { readonly gid: string; readonly remainingMs: number };
  readonly limitMs: number;
}

/** Has one step done by another service. The call may be lost, or its answer, or be made twice. */
export async function callService(
  simulation: Simulation,
  caller: SimProcess,
  { fact, step, baggage, limitMs }: ServiceCall,
): Promise<void> {
  const { ledger, marks } = simulation;
  await request(simulation, caller, step.service, limitMs, async (callee) => {
    const group = ledger.group(fact, rmName(step.rm), step.writes);
    await handle(callee, baggage, step, group);
    return () => {
      group.isFirm = true;
    };
  });
  marks.hit('tx.joined');
}

/** The statements of one step, one after another. */
export async function writeStep(service: Service, step: StepPlan, group: Group): Promise<void> {
  const carry = carryScope();
  const database = service.databases.get(step.rm);
  if (database) {
    if (step.writes === 0) await (await database.branch()).write(undefined);
    for (const row of group.rows) await (await carry(() => database.branch())).write(row);
    return;
  }
  const queue = service.queues.get(step.rm);
  if (queue) {
    for (const row of group.rows) await carry(() => queue.publish('rows', { row }));
    return;
  }
  const target = service.targets.get(step.rm);
  for (const row of group.rows) await carry(() => target?.write({ key: row % 5, row }));
}

/** The called service's handler, as grpc.ts and http.ts run one. */
async function handle(
  callee: Service,
  baggage: { readonly gid: string; readonly remainingMs: number },
  step: StepPlan,
  group: Group,
): Promise<void> {
  const joined = callee.tm.join(baggage.gid, baggage.remainingMs);
  try {
    await joined.run(() => writeStep(callee, step, group));
  } catch (error) {
    throw joined.fail(error) ?? error;
  }
  const problem = joined.answer();
  if (problem) throw problem;
}

function request(
  simulation: Simulation,
  caller: SimProcess,
  to: number,
  limitMs: number,
  serve: (callee: Service) => Promise<() => void>,
): Promise<void> {
  const { clock, plan, random } = simulation;
  const { netMs, rates } = plan.world;
  const loseCall = simulation.isHealed ? 0 : rates.loseCall;
  return new Promise((resolve, reject) => {
    const failed = () => reject(new UnanimousError('unreachable', 'the call brought no answer'));
    if (!caller.effect('call')) return;
    let isHeard = false;
    const callOff = caller.after(limitMs, () => {
      isHeard = true;
      failed();
    });
    if (random.chance(loseCall)) return;
    const times = random.chance(loseCall / 2) ? 2 : 1; // a proxy that asks twice
    for (let n = 0; n < times; n++) {
      clock.later(random.delay(netMs / 4, netMs), () => {
        const callee = simulation.services[to]?.service;
        if (!callee) return caller.later(netMs, failed);
        callee.process.run(() => {
          const answer = (give: () => void) => {
            if (!callee.process.effect('call') || random.chance(loseCall)) return;
            caller.later(random.delay(netMs / 4, netMs), give);
          };
          Promise.resolve()
            .then(() => serve(callee))
            .then(
              (heard) =>
                answer(() => {
                  callOff();
                  if (!isHeard) heard();
                  isHeard = true;
                  resolve();
                }),
              (error: unknown) => answer(() => reject(error)),
            );
        });
      });
    }
  });
}

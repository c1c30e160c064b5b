import fc from 'fast-check';
import { expect, test } from 'vitest';
import { waitUntil } from '../support/wait-until.ts';
import { assertOptions, type Command, propertyTimeoutMs, Reached } from './runs.ts';
import {
  type ModelTransaction,
  SessionModel,
  sessionCommands,
  sessionStates,
  wholeSessionLife,
} from './session-commands.ts';
import { SessionWorld } from './session-world.ts';

const fewRuns = 6;

test(
  'sessions: all places agree, with each other and with what anybody was told',
  async () => {
    const reached = new Reached();
    await live(wholeSessionLife(reached));
    const commands = fc.commands(sessionCommands(reached), { maxCommands: 30, size: 'max' });
    await fc.assert(fc.asyncProperty(commands, live), assertOptions(fewRuns));
    reached.expectAll(sessionStates);
  },
  propertyTimeoutMs(fewRuns),
);

/** One life of a coordinator and its services, and the reckoning at its end. */
async function live(steps: Iterable<Command<SessionModel, SessionWorld>>): Promise<void> {
  await using world = await SessionWorld.start();
  const model = new SessionModel();
  await fc.asyncModelRun(() => ({ model, real: world }), steps);
  for (const one of model.open) await one.transaction.abort();
  await expectAllDecided(world);
  for (const one of model.transactions) await expectAgreement(one, model, world);
}

/** AC5: when the faults are over, everything is decided and carried out. */
async function expectAllDecided({ stores, admin }: SessionWorld): Promise<void> {
  const isDone = async () => {
    const inDoubt =
      stores.orders.prepared.size + stores.stock.prepared.size + stores.stock.open.size;
    const unfinished = (await admin.list()).filter(({ state }) => state !== 'heuristic');
    return inDoubt === 0 && unfinished.length === 0;
  };
  await waitUntil(isDone, { what: 'AC5: everything to be decided', timeoutMs: 20_000 });
}

async function expectAgreement(
  one: ModelTransaction,
  model: SessionModel,
  { services, stores, applied }: SessionWorld,
): Promise<void> {
  const { name, places } = one;
  const [first, second] = await Promise.all(
    services.map(({ tm }) => tm.outcome(one.transaction.gid)),
  );
  const outcome = first?.outcome;
  expect(second?.outcome, `AC1: both hear the same of ${name}`).toBe(outcome);
  if (outcome !== 'committed' && outcome !== 'aborted') {
    throw new Error(`AC5: ${name} is ${outcome}`);
  }
  model.tell(one, outcome);
  if (one.hasNo || !one.isAsked) expect(outcome, `AC3: ${name}`).toBe('aborted');

  const isCommitted = outcome === 'committed';
  const isSplit = isCommitted && one.isByHand;
  for (const place of ['orders', 'stock'] as const) {
    const isThere = isCommitted && places.includes(place) && !(isSplit && place === 'stock');
    const count = stores[place].rows.filter((row) => row === name).length;
    expect(count, `AC1, at most once: ${name} in ${place}`).toBe(isThere ? 1 : 0);
  }
  const effects = applied.filter(({ effect }) => effect === name);
  expect(effects.length > 0, `AC1: the effect of ${name}`).toBe(
    isCommitted && places.includes('mail'),
  );
  const ids = new Set(effects.map(({ id }) => id));
  expect(ids.size, `the id of ${name}'s effect is the same each time`).toBeLessThanOrEqual(1);
  const heuristics = first?.heuristics.map(({ rm, result }) => `${rm} ${result}`);
  expect(heuristics, `no heuristic of ${name} is lost`).toEqual(
    isSplit ? ['stock-db rolled-back'] : [],
  );
}

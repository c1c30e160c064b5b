import { fc } from '../support/fast-check.ts';
import { describe, test } from 'vitest';
import { waitUntil } from '../support/wait-until.ts';
import { sharedLives } from './rule.ts';
import type { Command, Reached } from './runs.ts';
import { sessionCommands, wholeSessionLife } from './session-commands.ts';
import { heardFrom, SessionModel } from './session-model.ts';
import { sessionRules } from './session-rules.ts';
import { SessionWorld } from './session-world.ts';

describe('sessions, whatever happens to them', () => {
  const wholeLife = wholeSessionLife;
  const layer = { wholeLife, commands: sessionCommands, maxCommands: 30, live, fewRuns: 6 };
  const { rules, options, check } = sharedLives(layer, sessionRules);
  test.for(rules)('%s', options, ([, rule]) => check(rule));
});

/** One life of a coordinator and its services, and the reckoning at its end. */
async function live(
  steps: Iterable<Command<SessionModel, SessionWorld>>,
  reached: Reached,
): Promise<SessionModel> {
  await using world = await SessionWorld.start();
  const model = new SessionModel();
  try {
    await fc.asyncModelRun(() => ({ model, real: world }), steps);
    for (const one of model.open) await one.transaction.abort();
    await untilAllDecided(world).catch((error: unknown) => {
      model.undecided = error;
    });
    await reckon(model, world, reached);
  } catch (error) {
    model.failure = error;
  }
  return model;
}

/** When the faults are over, everything is decided and carried out. */
async function untilAllDecided({ stores, admin }: SessionWorld): Promise<void> {
  const isDone = async () => {
    const inDoubt =
      stores.orders.prepared.size + stores.stock.prepared.size + stores.stock.open.size;
    const unfinished = (await admin.list()).filter(({ state }) => state !== 'heuristic');
    return inDoubt === 0 && unfinished.length === 0;
  };
  await waitUntil(isDone, { what: 'everything to be decided', timeoutMs: 20_000 });
}

/** What is there of each transaction, and what is heard of it. */
async function reckon(model: SessionModel, world: SessionWorld, reached: Reached): Promise<void> {
  for (const one of model.transactions) {
    const asked = world.services.map(({ tm }) => tm.outcome(one.transaction.gid));
    one.atEnd = (await Promise.all(asked)).map((outcome) => heardFrom(one, outcome));
    one.rows = world.rowsOf(one.name);
    const effects = world.applied.filter(({ effect }) => effect === one.name);
    one.effectIds = effects.map(({ id }) => id);
    if (effects.length > 1) reached.note('an effect came again');
  }
}

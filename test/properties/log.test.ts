import fc from 'fast-check';
import { test } from 'vitest';
import { logCommands, logStates, wholeLife } from './log-commands.ts';
import { LogModel } from './log-model.ts';
import { RealLog } from './real-log.ts';
import { assertOptions, type Command, propertyTimeoutMs, Reached } from './runs.ts';

const fewRuns = 6;

test(
  'the log keeps what it acknowledged, brings nothing back, and knows what it said',
  async () => {
    const reached = new Reached();
    await live(wholeLife(reached));
    const commands = fc.commands(logCommands(reached), { maxCommands: 25, size: 'max' });
    await fc.assert(fc.asyncProperty(commands, live), assertOptions(fewRuns));
    reached.expectAll(logStates);
  },
  propertyTimeoutMs(fewRuns),
);

/** One life of a log. */
async function live(steps: Iterable<Command<LogModel, RealLog>>): Promise<void> {
  const real = new RealLog();
  try {
    const model = new LogModel();
    await real.start();
    model.epochs.push(real.incarnation.epoch);
    await fc.asyncModelRun(() => ({ model, real }), steps);
  } finally {
    await real.remove();
  }
}

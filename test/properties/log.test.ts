import { fc } from '../support/fast-check.ts';
import { describe, test } from 'vitest';
import { logCommands, wholeLife } from './log-lives.ts';
import type { LogHistory } from './log-history.ts';
import { LogModel } from './log-model.ts';
import { logRules } from './log-rules.ts';
import { RealLog } from './real-log.ts';
import { sharedLives } from './rule.ts';
import type { Command } from './runs.ts';

describe('a log, whatever happens to it', () => {
  const layer = { wholeLife, commands: logCommands, maxCommands: 25, live, fewRuns: 6 };
  const { rules, options, check } = sharedLives(layer, logRules);
  test.for(rules)('%s', options, ([, rule]) => check(rule));
});

/** One life of a log. */
async function live(steps: Iterable<Command<LogModel, RealLog>>): Promise<LogHistory> {
  const real = new RealLog();
  const model = new LogModel();
  try {
    await real.start();
    model.note({ is: 'began', epoch: real.incarnation.epoch });
    await fc.asyncModelRun(() => ({ model, real }), steps);
  } catch (error) {
    model.history.failure = error;
  } finally {
    await real.remove();
  }
  return model.history;
}

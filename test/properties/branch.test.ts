import fc from 'fast-check';
import { afterAll, beforeAll, test } from 'vitest';
import { TestPostgres } from '../participant-sdk/postgres/branches.ts';
import { serverOrSkip } from '../servers/require-server.ts';
import {
  branchCommands,
  branchStates,
  type RealBranches,
  wholeBranchLife,
} from './branch-commands.ts';
import { BranchModel } from './branch-model.ts';
import { assertOptions, type Command, propertyTimeoutMs, Reached } from './runs.ts';

const fewRuns = 6;

let postgres: TestPostgres;

serverOrSkip('postgres').describe('branches in Postgres', () => {
  beforeAll(async () => {
    postgres = await TestPostgres.start();
  });
  afterAll(() => postgres?.[Symbol.asyncDispose]());

  test(
    'are what was decided, once each, and say so, whatever comes between',
    async () => {
      const reached = new Reached();
      await live(wholeBranchLife(reached));
      const commands = fc.commands(branchCommands(reached), { maxCommands: 30, size: 'max' });
      await fc.assert(fc.asyncProperty(commands, live), assertOptions(fewRuns));
      reached.expectAll(branchStates);
    },
    propertyTimeoutMs(fewRuns),
  );
});

/** One life of branches in a fresh database. */
async function live(steps: Iterable<Command<BranchModel, RealBranches>>): Promise<void> {
  await using fixture = await postgres.fixture();
  fixture.pool.on('error', () => {}); // its server is killed
  const real = { fixture, server: postgres.server };
  await fc.asyncModelRun(() => ({ model: new BranchModel(), real }), steps);
}

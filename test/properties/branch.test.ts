import { fc } from '../support/fast-check.ts';
import { afterAll, beforeAll, test } from 'vitest';
import { TestPostgres } from '../participant-sdk/postgres/branches.ts';
import { serverOrSkip } from '../servers/require-server.ts';
import { decide, look, type RealBranches } from './branch-commands.ts';
import { branchCommands, wholeBranchLife } from './branch-lives.ts';
import { BranchModel } from './branch-model.ts';
import { branchRules } from './branch-rules.ts';
import { sharedLives } from './rule.ts';
import type { Command, Reached } from './runs.ts';

let postgres: TestPostgres;

serverOrSkip('postgres').describe('branches in Postgres, whatever happens to them', () => {
  beforeAll(async () => {
    postgres = await TestPostgres.start();
  });
  // After hundreds of lives the server has hundreds of databases to leave.
  afterAll(() => postgres?.[Symbol.asyncDispose](), 300_000);

  const wholeLife = wholeBranchLife;
  const layer = { wholeLife, commands: branchCommands, maxCommands: 30, live, fewRuns: 6 };
  const { rules, options, check } = sharedLives(layer, branchRules);
  test.for(rules)('%s', options, ([, rule]) => check(rule));
});

/** One life of branches in a fresh database; what is prepared in the end is aborted. */
async function live(
  steps: Iterable<Command<BranchModel, RealBranches>>,
  reached: Reached,
): Promise<BranchModel> {
  await using fixture = await postgres.fixture();
  fixture.pool.on('error', () => {}); // its server is killed
  const real = { fixture, server: postgres.server };
  const model = new BranchModel();
  try {
    await fc.asyncModelRun(() => ({ model, real }), steps);
    for (let left = model.in('prepared'); left.length > 0; left = model.in('prepared')) {
      const [first] = left;
      const all = model.in('prepared', 'committed', 'rolled-back');
      await decide('abort', all.indexOf(first as (typeof all)[number]), reached).run(model, real);
    }
    await look(model, real);
  } catch (error) {
    model.failure = error;
  }
  return model;
}

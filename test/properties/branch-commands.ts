import { formatBranchId, UnanimousError } from '@unanimous/proto';
import fc from 'fast-check';
import { expect } from 'vitest';
import { errorOf, type Fixture, sql, values } from '../participant-sdk/postgres/branches.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { type BranchModel, type BranchState, type ModelBranch, nameOf } from './branch-model.ts';
import type { Command, Reached } from './runs.ts';

/** The real resource and its server. */
export interface RealBranches {
  readonly fixture: Fixture;
  readonly server: PostgresServer;
}

type BranchCommand = Command<BranchModel, RealBranches>;

/** As many branches are open at once: the pool has one connection more. */
const openAtMost = 4;

const insert = 'insert into t values ($1)';

/** What is seen after every step: rows, and what a scan finds. */
async function look(model: BranchModel, { fixture }: RealBranches): Promise<void> {
  expect(await values(fixture.url), 'each row once, and no others').toEqual(model.rows());
  const scanned = await untilAnswered(() => fixture.resource.scan());
  expect(scanned.map(formatBranchId).toSorted(), 'prepared').toEqual(model.prepared());
}

/** Asks again as the participant does while the server cannot be reached. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  let answer: { readonly value: T } | undefined;
  const isAnswered = async () => {
    try {
      answer = { value: await ask() };
    } catch (error) {
      if ((error as UnanimousError).code !== 'rm-unavailable') throw error;
    }
    return answer !== undefined;
  };
  await waitUntil(isAnswered, { what: 'an answer of the server', intervalMs: 5 });
  return (answer as unknown as { readonly value: T }).value;
}

/** A command on one branch that stands so. */
function onOne(
  what: string,
  pick: number,
  states: readonly BranchState[],
  run: (branch: ModelBranch, real: RealBranches, model: BranchModel) => Promise<void>,
): BranchCommand {
  return {
    check: (model) => model.in(...states).length > 0,
    toString: () => `${what} ${pick}`,
    async run(model, real) {
      const found = model.in(...states);
      await run(found[pick % found.length] as ModelBranch, real, model);
      await look(model, real);
    },
  };
}

function begin(count: number, reached: Reached): BranchCommand {
  return {
    check: (model) => model.in('open').length < openAtMost,
    toString: () => `begin, writing ${count}`,
    async run(model, real) {
      const { fixture } = real;
      const written = Array.from({ length: count }, () => model.nextValue++);
      const begun = fixture.run(async () => {
        await fixture.pool.query('select 1');
        for (const value of written) await fixture.pool.query(insert, [value]);
      });
      model.begin(await begun, written);
      reached.note('begun');
      await look(model, real);
    },
  };
}

/** Writes behind a savepoint, and perhaps goes back to it. */
function writeBehindSavepoint(pick: number, isKept: boolean, reached: Reached): BranchCommand {
  const what = isKept ? 'savepoint and write' : 'savepoint, write and go back';
  return onOne(what, pick, ['open'], async (branch, { fixture }, model) => {
    const value = model.nextValue++;
    await fixture.host.within(branch.transaction, async () => {
      const client = await fixture.pool.connect();
      try {
        await client.query('savepoint hold');
        await client.query(insert, [value]);
        if (!isKept) await client.query('rollback to hold');
      } finally {
        client.release();
      }
    });
    if (isKept) branch.values.push(value);
    reached.note(isKept ? 'kept a savepoint' : 'went back to a savepoint');
  });
}

function prepare(pick: number, reached: Reached): BranchCommand {
  return onOne('prepare', pick, ['open'], async (branch, { fixture }) => {
    const { transaction } = branch;
    const vote = await transaction.open.prepare();
    if (vote.vote === 'yes') {
      Object.assign(branch, { state: 'prepared', receipt: vote.receipt });
      reached.note('prepared');
    } else {
      expect(branch.values, 'read-only only when nothing is written').toEqual([]);
      branch.state = 'rolled-back';
      reached.note('voted read-only');
    }
    const late = fixture.host.within(transaction, () => fixture.pool.query(insert, [-1]));
    expect((await errorOf(late)).code, 'work after the vote').toBe('work-after-end');
    expect((await errorOf(transaction.open.prepare())).code, 'two votes').toBe('work-after-end');
  });
}

/** A branch that lost its connection can only vote no: half of its work must not be prepared. */
function prepareLost(pick: number, reached: Reached): BranchCommand {
  return onOne('prepare a lost one', pick, ['lost'], async (branch) => {
    expect(await errorOf(branch.transaction.open.prepare())).toBeInstanceOf(UnanimousError);
    await branch.transaction.open.rollback();
    branch.state = 'rolled-back';
    reached.note('a lost one voted no');
  });
}

function rollBackOpen(pick: number, reached: Reached): BranchCommand {
  return onOne('roll back an open one', pick, ['open', 'lost'], async (branch) => {
    await branch.transaction.open.rollback();
    branch.state = 'rolled-back';
    reached.note('rolled back before its vote');
  });
}

/** The decision arrives, for the first time or again, or after somebody's hand. */
function decide(to: 'commit' | 'abort', pick: number, reached: Reached): BranchCommand {
  return onOne(to, pick, ['prepared', 'committed', 'rolled-back'], async (branch, { fixture }) => {
    const { receipt, transaction } = branch;
    const { id } = transaction;
    const finished = await untilAnswered(() =>
      to === 'commit' ? fixture.commit({ id, receipt }) : fixture.resource.abort(id, receipt),
    );
    const wanted = to === 'commit' ? 'committed' : 'rolled-back';
    if (branch.state === 'prepared') branch.state = wanted;
    else reached.note(branch.state === wanted ? 'decided again' : 'decided against a fate');
    // A branch that never was cannot have been committed; to say so of a commit would be a guess.
    const isUnknown = receipt === '' && to === 'commit';
    expect(finished.result).toBe(isUnknown ? 'unknown' : branch.state);
    reached.note(isUnknown ? 'unknown without a receipt' : finished.result);
  });
}

function byHand(to: 'commit' | 'rollback', pick: number, reached: Reached): BranchCommand {
  return onOne(`${to} by hand`, pick, ['prepared'], async (branch, { fixture }) => {
    await sql(fixture.url, `${to} prepared '${nameOf(branch)}'`);
    branch.state = to === 'commit' ? 'committed' : 'rolled-back';
    reached.note(`${to} by hand`);
  });
}

function commitInOnePhase(pick: number, reached: Reached): BranchCommand {
  return onOne('commit in one phase', pick, ['open'], async (branch, { fixture }) => {
    const { open, id } = branch.transaction;
    const ready = await open.ready();
    if (ready.vote === 'read-only') {
      expect(branch.values).toEqual([]);
      branch.state = 'rolled-back';
      return;
    }
    const settled = await fixture.resource.settle(id, ready.receipt);
    expect(settled, 'before the permission').toEqual({ result: 'in-progress' });
    expect(await open.commitOnePhase()).toEqual({ result: 'committed' });
    Object.assign(branch, { state: 'one-phase', receipt: ready.receipt });
    reached.note('committed in one phase');
  });
}

function settle(pick: number, reached: Reached): BranchCommand {
  return onOne('settle', pick, ['one-phase'], async (branch, { fixture }) => {
    const { transaction, receipt, isBeforeCrash } = branch;
    const settled = await untilAnswered(() => fixture.resource.settle(transaction.id, receipt));
    expect(settled.result).toBe(isBeforeCrash ? 'unknown' : 'committed');
    reached.note(isBeforeCrash ? 'unknown after a crash' : 'settled');
  });
}

function restart(kind: 'fast' | 'kill -9', reached: Reached): BranchCommand {
  return {
    check: () => true,
    toString: () => `restart ${kind}`,
    async run(model, real) {
      if (kind === 'kill -9') await real.server.kill9();
      await real.server.restart();
      model.serverDown(kind === 'kill -9');
      if (model.in('prepared').length > 0) reached.note(`prepared over a restart ${kind}`);
      await look(model, real);
    },
  };
}

/** What can happen to branches. */
export function branchCommands(reached: Reached): fc.Arbitrary<BranchCommand>[] {
  const pick = fc.nat({ max: 100 });
  const often = <T>(times: number, arbitrary: T): T[] =>
    Array.from({ length: times }, () => arbitrary);
  const count = fc.integer({ min: 0, max: 3 });
  return [
    ...often(
      4,
      count.map((some) => begin(some, reached)),
    ),
    ...often(
      2,
      fc.tuple(pick, fc.boolean()).map(([one, kept]) => writeBehindSavepoint(one, kept, reached)),
    ),
    ...often(
      4,
      pick.map((one) => prepare(one, reached)),
    ),
    ...often(
      3,
      pick.map((one) => decide('commit', one, reached)),
    ),
    ...often(
      2,
      pick.map((one) => decide('abort', one, reached)),
    ),
    fc
      .tuple(fc.constantFrom('commit' as const, 'rollback' as const), pick)
      .map(([to, one]) => byHand(to, one, reached)),
    pick.map((one) => rollBackOpen(one, reached)),
    pick.map((one) => prepareLost(one, reached)),
    pick.map((one) => commitInOnePhase(one, reached)),
    pick.map((one) => settle(one, reached)),
    fc.constantFrom('fast' as const, 'kill -9' as const).map((kind) => restart(kind, reached)),
  ];
}

/** One life that comes to every state, however few the runs are. */
export function wholeBranchLife(reached: Reached): BranchCommand[] {
  return [
    ...[1, 2, 0].map((count) => begin(count, reached)),
    writeBehindSavepoint(0, true, reached),
    writeBehindSavepoint(0, false, reached),
    prepare(0, reached),
    prepare(0, reached),
    prepare(0, reached), // it has written nothing
    decide('commit', 2, reached),
    restart('fast', reached),
    decide('commit', 0, reached),
    decide('commit', 0, reached),
    decide('abort', 0, reached),
    byHand('rollback', 0, reached),
    decide('commit', 1, reached),
    begin(1, reached),
    commitInOnePhase(0, reached),
    settle(0, reached),
    begin(1, reached),
    prepare(0, reached),
    begin(1, reached),
    restart('kill -9', reached),
    settle(0, reached),
    prepareLost(0, reached),
    byHand('commit', 0, reached),
    begin(1, reached),
    rollBackOpen(0, reached),
    begin(1, reached),
    prepare(0, reached),
    ...[0, 1, 2, 3, 4, 5].map((pick) => decide('abort', pick, reached)),
  ];
}

/** Everything that the runs must come to. */
export const branchStates = [
  'begun',
  'kept a savepoint',
  'went back to a savepoint',
  'prepared',
  'voted read-only',
  'a lost one voted no',
  'rolled back before its vote',
  'committed',
  'rolled-back',
  'decided again',
  'decided against a fate',
  'unknown without a receipt',
  'commit by hand',
  'rollback by hand',
  'committed in one phase',
  'settled',
  'unknown after a crash',
  'prepared over a restart fast',
  'prepared over a restart kill -9',
];

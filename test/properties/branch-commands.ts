import { formatBranchId, type UnanimousError } from '@unanimous/proto';
import { type Fixture, sql, values } from '../participant-sdk/postgres/branches.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import {
  type BranchFact,
  type BranchModel,
  type BranchState,
  type ModelBranch,
  nameOf,
} from './branch-model.ts';
import type { Command, Reached } from './runs.ts';

/** The real resource and its server. */
export interface RealBranches {
  readonly fixture: Fixture;
  readonly server: PostgresServer;
}

/** Something that happens. */
export type BranchCommand = Command<BranchModel, RealBranches>;

/** As many branches are open at once: the pool has one connection more. */
const openAtMost = 4;

const insert = 'insert into t values ($1)';

/** What is seen after every step. */
export async function look(model: BranchModel, { fixture }: RealBranches): Promise<void> {
  const names = 'select gid from pg_prepared_xacts where database = current_database()';
  const listed = await sql(fixture.url, names);
  const scanned = await untilAnswered(() => fixture.resource.scan());
  model.facts.push({
    is: 'seen',
    rows: (await values(fixture.url)).map(Number),
    prepared: listed.map(({ gid }) => String(gid)).toSorted(),
    scanned: scanned.map(formatBranchId).toSorted(),
  });
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

export function begin(count: number, reached: Reached): BranchCommand {
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
export function writeBehindSavepoint(
  pick: number,
  isKept: boolean,
  reached: Reached,
): BranchCommand {
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

/** Notes a vote; a branch that votes no is rolled back, as its participant does. */
async function voteOf(
  branch: ModelBranch,
  model: BranchModel,
  ask: () => Promise<{ readonly vote: 'yes' | 'ready' | 'read-only'; readonly receipt?: string }>,
): Promise<'yes' | 'ready' | 'read-only' | 'no'> {
  const { state: was } = branch;
  const noted = { is: 'voted', branch, was } as const;
  try {
    const { vote, receipt = '' } = await ask();
    model.facts.push({ ...noted, vote, why: '' });
    branch.receipt = receipt;
    return vote;
  } catch (error) {
    model.facts.push({ ...noted, vote: 'no', why: String(error) });
    await branch.transaction.open.rollback();
    return 'no';
  }
}

export function prepare(pick: number, reached: Reached): BranchCommand {
  return onOne('prepare', pick, ['open'], async (branch, { fixture }, model) => {
    const { transaction } = branch;
    const vote = await voteOf(branch, model, () => transaction.open.prepare());
    branch.state = vote === 'yes' ? 'prepared' : 'rolled-back';
    reached.note(vote === 'yes' ? 'prepared' : `voted ${vote}`);
    const value = -model.nextValue++;
    const write = () => fixture.pool.query(insert, [value]);
    const [late, again] = [
      await codeOf(fixture.host.within(transaction, write)),
      await codeOf(transaction.open.prepare()),
    ];
    model.facts.push({ is: 'late', what: 'work after the vote', code: late });
    model.facts.push({ is: 'late', what: 'a second vote', code: again });
  });
}

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: UnanimousError) => error.code,
  );
}

/** A branch that lost its connection can only vote no: half of its work must not be prepared. */
export function prepareLost(pick: number, reached: Reached): BranchCommand {
  return onOne('prepare a lost one', pick, ['lost'], async (branch, _, model) => {
    const vote = await voteOf(branch, model, () => branch.transaction.open.prepare());
    branch.state = 'rolled-back';
    reached.note(`a lost one voted ${vote}`);
  });
}

export function rollBackOpen(pick: number, reached: Reached): BranchCommand {
  return onOne('roll back an open one', pick, ['open', 'lost'], async (branch) => {
    await branch.transaction.open.rollback();
    branch.state = 'rolled-back';
    reached.note('rolled back before its vote');
  });
}

/** Notes an answer, and how the branch stood when it was asked. */
function answered(
  order: 'commit' | 'abort' | 'one-phase' | 'settle',
  branch: ModelBranch,
  result: string,
): BranchFact {
  const { state: was, receipt, isBeforeCrash } = branch;
  const hasReceipt = receipt !== '';
  return { is: 'answered', branch, order, was, hasReceipt, isBeforeCrash, result };
}

/** The decision arrives, for the first time or again, or after somebody's hand. */
export function decide(to: 'commit' | 'abort', pick: number, reached: Reached): BranchCommand {
  return onOne(to, pick, ['prepared', 'committed', 'rolled-back'], async (branch, real, model) => {
    const { fixture } = real;
    const { receipt, transaction } = branch;
    const { id } = transaction;
    const { result } = await untilAnswered(() =>
      to === 'commit' ? fixture.commit({ id, receipt }) : fixture.resource.abort(id, receipt),
    );
    model.facts.push(answered(to, branch, result));
    const wanted = to === 'commit' ? 'committed' : 'rolled-back';
    if (branch.state === 'prepared') branch.state = wanted;
    else reached.note(branch.state === wanted ? 'decided again' : 'decided against a fate');
    // A branch that never was cannot have been committed; to say so of a commit would be a guess.
    const isUnknown = receipt === '' && to === 'commit';
    reached.note(isUnknown ? 'unknown without a receipt' : result);
  });
}

export function byHand(to: 'commit' | 'rollback', pick: number, reached: Reached): BranchCommand {
  return onOne(`${to} by hand`, pick, ['prepared'], async (branch, { fixture }, model) => {
    await sql(fixture.url, `${to} prepared '${nameOf(branch)}'`);
    model.facts.push({ is: 'by hand', branch });
    branch.state = to === 'commit' ? 'committed' : 'rolled-back';
    reached.note(`${to} by hand`);
  });
}

export function commitInOnePhase(pick: number, reached: Reached): BranchCommand {
  return onOne('commit in one phase', pick, ['open'], async (branch, { fixture }, model) => {
    const { open, id } = branch.transaction;
    const vote = await voteOf(branch, model, () => open.ready());
    if (vote !== 'ready') {
      branch.state = 'rolled-back';
      return;
    }
    const before = await fixture.resource.settle(id, branch.receipt);
    if (before.result === 'in-progress') reached.note('in progress before the permission');
    model.facts.push(answered('one-phase', branch, (await open.commitOnePhase()).result));
    branch.state = 'one-phase';
    reached.note('committed in one phase');
  });
}

export function settle(pick: number, reached: Reached): BranchCommand {
  return onOne('settle', pick, ['one-phase'], async (branch, { fixture }, model) => {
    const { transaction, receipt, isBeforeCrash } = branch;
    const { result } = await untilAnswered(() => fixture.resource.settle(transaction.id, receipt));
    model.facts.push(answered('settle', branch, result));
    reached.note(isBeforeCrash ? 'unknown after a crash' : 'settled');
  });
}

export function restart(kind: 'fast' | 'kill -9', reached: Reached): BranchCommand {
  return {
    check: () => true,
    toString: () => `restart ${kind}`,
    async run(model, real) {
      if (kind === 'kill -9') await real.server.kill9();
      await real.server.restart();
      const hasOnePhase = model.in('one-phase').some((branch) => !branch.isBeforeCrash);
      if (kind === 'kill -9' && hasOnePhase) reached.note('one phase before a kill -9');
      model.serverDown(kind === 'kill -9');
      if (model.in('prepared').length > 0) reached.note(`prepared over a restart ${kind}`);
      await look(model, real);
    },
  };
}

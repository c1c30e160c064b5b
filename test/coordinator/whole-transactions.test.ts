import { formatGid, type LogId, parseGid, type WholeBranch } from '@unanimous/proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Coordinator } from '../../coordinator/src/coordinator.ts';
import { connectInProcess } from '../../coordinator/src/embedded.ts';
import { HeldLog } from './support/held-log.ts';
import { ScriptedPeer } from './support/scripted-peer.ts';

let log: HeldLog;
let coordinator: Coordinator;

function connect(instance: string): ScriptedPeer {
  const peer = new ScriptedPeer((listener) => connectInProcess(coordinator, listener));
  peer.hello(instance);
  return peer;
}

beforeEach(async () => {
  log = new HeldLog();
  coordinator = await Coordinator.start({ log: log.engine() });
});

afterEach(async () => {
  log.release();
  await coordinator.close();
});

/** A client that serves two resource managers, and has a block of gids. */
async function client(instance = 'client') {
  const peer = connect(instance);
  await peer.serve('orders-db');
  await peer.serve('stock-db');
  return { peer, gid: await gidOf(peer) };
}

async function gidOf(peer: ScriptedPeer): Promise<string> {
  const ref = peer.nextRef();
  peer.say({ reserves: [{ ref, unusedFrom: 0 }] });
  const { first } = await peer.take('reserved', (message) => message.ref === ref);
  const { logId, epoch } = coordinator.incarnation;
  return formatGid(logId, { epoch, counter: first });
}

function yes(rm: string, more: Partial<WholeBranch> = {}): WholeBranch {
  const nothing = { redo: Buffer.alloc(0), reason: null, incarnation: 'i1' };
  return { rm, canOnePhase: false, kind: 'YES', receipt: `receipt of ${rm}`, ...nothing, ...more };
}

function tell(peer: ScriptedPeer, gid: string, branches: readonly WholeBranch[]): number {
  const ref = peer.nextRef();
  const rest = { remainingMs: 5_000, name: 'test', waitAppliedMs: 0 };
  peer.say({ wholes: [{ ref, gid, ...rest, branches: [...branches] }] });
  return ref;
}

const both = [yes('orders-db'), yes('stock-db')];

/** What a scan that finds a prepared branch of it is told. */
async function verdictOn(peer: ScriptedPeer, gid: string, rm = 'orders-db'): Promise<string> {
  peer.say({ inDoubts: [{ gid, branch: 1, rm, incarnation: 'i1' }] });
  return (await peer.take('verdicts', (message) => message.gid === gid)).kind;
}

describe('a transaction that comes whole', () => {
  test('is committed by one message, and nobody is asked to prepare', async () => {
    const { peer, gid } = await client();
    const ref = tell(peer, gid, both);
    const commits = [await peer.take('commits'), await peer.take('commits')];
    expect(commits.map(({ branch, rm, receipt }) => [branch, rm, receipt])).toEqual([
      [1, 'orders-db', 'receipt of orders-db'],
      [2, 'stock-db', 'receipt of stock-db'],
    ]);
    const outcome = await peer.take('outcomes', (message) => message.ref === ref);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: false });
    for (const commit of commits) peer.acknowledge(commit);
    expect(await peer.ask(gid)).toMatchObject({ kind: 'OUTCOME_COMMITTED' });
    expect(peer.heard.flatMap(({ prepares }) => prepares)).toEqual([]);
  });

  test('with payloads, and many decided at once, does not overflow the outbox of its peer', async () => {
    const { peer, gid } = await client();
    const { logId, birth } = parseGid(gid);
    const redo = Buffer.alloc(200_000, 7);
    const branches = [yes('orders-db', { redo }), yes('stock-db', { redo })];
    log.hold();
    const gids = Array.from({ length: 50 }, (_, index) => {
      return formatGid(logId, { ...birth, counter: birth.counter + index });
    });
    for (const one of gids) tell(peer, one, branches);
    await log.holding();
    log.release();
    for (const one of gids) {
      for (const branch of [1, 2]) {
        const commit = await peer.take('commits', (c) => c.gid === one && c.branch === branch);
        expect(commit.redo).toHaveLength(redo.length);
        peer.acknowledge(commit);
      }
    }
    await expect.poll(() => coordinator.outcome(gids.at(-1) ?? '').applied).toBe(true);
  });

  test('is told nobody before its record is durable', async () => {
    const { peer, gid } = await client();
    log.hold();
    tell(peer, gid, both);
    await log.holding();
    expect(await peer.ask(gid)).toMatchObject({ kind: 'OUTCOME_UNKNOWN' });
    expect(peer.heard.flatMap(({ commits }) => commits)).toEqual([]);
    log.release();
    await peer.take('commits');
  });

  test('with one branch that is ready gets the permission for one phase', async () => {
    const { peer, gid } = await client();
    tell(peer, gid, [yes('orders-db', { canOnePhase: true, kind: 'READY' })]);
    expect(await peer.take('commits')).toMatchObject({ kind: 'ONE_PHASE', branch: 1 });
  });

  test('that is ready where a yes is needed is aborted', async () => {
    const { peer, gid } = await client();
    const ref = tell(peer, gid, [yes('orders-db'), yes('stock-db', { kind: 'READY' })]);
    await peer.take('aborts', ({ branch }) => branch === 1);
    await peer.take('aborts', ({ branch }) => branch === 2);
    const outcome = await peer.take('outcomes', (message) => message.ref === ref);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_ABORTED', reason: { code: 'prepare-refused' } });
  });

  test('with a vote of no is aborted, and whoever voted yes is told', async () => {
    const { peer, gid } = await client();
    const ref = tell(peer, gid, [yes('orders-db'), yes('stock-db', { kind: 'NO' })]);
    expect(await peer.take('aborts')).toMatchObject({ branch: 1, receipt: 'receipt of orders-db' });
    const outcome = await peer.take('outcomes', (message) => message.ref === ref);
    expect(outcome.kind).toBe('OUTCOME_ABORTED');
  });

  test('and comes again gets the same answer, and is written once', async () => {
    const { peer, gid } = await client();
    tell(peer, gid, both);
    await peer.take('outcomes');
    const { seq } = coordinator.operations.status();
    tell(peer, gid, both);
    expect(await peer.take('outcomes')).toMatchObject({ kind: 'OUTCOME_COMMITTED' });
    expect(coordinator.operations.status().seq).toBe(seq);
  });

  test.each([
    ['of a resource manager that its session does not serve', 'unknown-rm', [yes('other-db')]],
    ['of too many branches', 'too-many-branches', Array.from({ length: 65 }, () => both[0])],
  ])('%s is refused, and aborted for ever', async (_, code, branches) => {
    const { peer, gid } = await client();
    const ref = tell(peer, gid, branches as WholeBranch[]);
    const refusal = await peer.take('refusals', (message) => message.ref === ref);
    expect(refusal.reason).toMatchObject({ code });
    expect(await verdictOn(peer, gid)).toBe('VERDICT_ABORT');
    tell(peer, gid, both);
    expect(await peer.take('outcomes')).toMatchObject({ kind: 'OUTCOME_ABORTED' });
  });

  test('over the limit of open transactions is refused, and aborted for ever', async () => {
    await coordinator.close();
    coordinator = await Coordinator.start({ log: log.engine(), limits: { maxOpen: 1 } });
    const { peer, gid } = await client();
    await peer.begin();
    const ref = tell(peer, gid, both);
    const refusal = await peer.take('refusals', (message) => message.ref === ref);
    expect(refusal).toMatchObject({ reason: { code: 'overloaded' } });
    expect(await verdictOn(peer, gid)).toBe('VERDICT_ABORT');
  });

  test('after its deadline is refused, and aborted for ever', async () => {
    const { peer, gid } = await client();
    const rest = { remainingMs: 0, name: '', waitAppliedMs: 0, branches: both };
    peer.say({ wholes: [{ ref: 60, gid, ...rest }] });
    expect((await peer.take('refusals')).reason).toMatchObject({ code: 'timeout' });
    expect(await verdictOn(peer, gid)).toBe('VERDICT_ABORT');
  });

  test('under a gid of another session is refused, and that one may still use it', async () => {
    const { gid } = await client();
    const thief = connect('thief');
    await thief.serve('orders-db');
    const ref = tell(thief, gid, [yes('orders-db')]);
    const refusal = await thief.take('refusals', (message) => message.ref === ref);
    expect(refusal.reason).toMatchObject({ code: 'not-owner' });
    expect(await verdictOn(thief, gid)).toBe('VERDICT_WAIT');
  });

  test('under a gid that nobody was given is refused', async () => {
    const { peer } = await client();
    const { logId, epoch } = coordinator.incarnation;
    const ref = tell(peer, formatGid(logId, { epoch, counter: 99_999 }), both);
    const refusal = await peer.take('refusals', (message) => message.ref === ref);
    expect(refusal.reason).toMatchObject({ code: 'not-live' });
    const foreign = formatGid('0f1c9a7be203' as LogId, { epoch, counter: 1 });
    tell(peer, foreign, both);
    expect((await peer.take('refusals')).reason).toMatchObject({ code: 'foreign-gid' });
  });
});

describe('a gid that its session has not told of', () => {
  test('may be live: a scan waits, and who asks is told nothing', async () => {
    const { gid } = await client();
    const other = connect('other');
    await other.serve('orders-db');
    expect(await verdictOn(other, gid)).toBe('VERDICT_WAIT');
    expect(await other.ask(gid)).toMatchObject({ kind: 'OUTCOME_UNKNOWN' });
    expect(coordinator.isPresumedAborted(gid)).toBe(false);
  });

  test('is aborted for ever when the session is lost', async () => {
    const { peer, gid } = await client();
    peer.die();
    const again = await client();
    expect(await verdictOn(again.peer, gid)).toBe('VERDICT_ABORT');
    expect(await again.peer.ask(gid)).toMatchObject({ kind: 'OUTCOME_ABORTED' });
    tell(again.peer, gid, both);
    expect(await again.peer.take('outcomes')).toMatchObject({ kind: 'OUTCOME_ABORTED' });
  });

  test('is aborted for ever when the coordinator has started again', async () => {
    const { gid } = await client();
    await coordinator.close();
    coordinator = await Coordinator.start({ log: log.engine() });
    const { peer } = await client();
    expect(await verdictOn(peer, gid)).toBe('VERDICT_ABORT');
  });

  test('is aborted when its session says so, and the reason is kept', async () => {
    const { peer, gid } = await client();
    const reason = { code: 'timeout', message: 'too late', hint: '', rm: '', retryable: true };
    peer.say({ aborts: [{ ref: 99, gid, reason }] });
    expect(await peer.take('outcomes')).toMatchObject({ kind: 'OUTCOME_ABORTED' });
    expect(await peer.ask(gid)).toMatchObject({ reason: { code: 'timeout' } });
    tell(peer, gid, both);
    expect(await peer.take('outcomes')).toMatchObject({ kind: 'OUTCOME_ABORTED' });
  });

  test('is begun when its session tells of it, and an enlist that came before waits for that', async () => {
    const { peer, gid } = await client();
    const other = connect('other');
    await other.serve('items-db');
    other.say({ enlists: [{ ref: 77, gid, rm: 'items-db', canOnePhase: false }] });
    // The answer to a later question shows that the enlist has come, and waits.
    expect(await other.ask(gid)).toMatchObject({ kind: 'OUTCOME_UNKNOWN' });
    expect(other.heard.flatMap(({ enlisted, refusals }) => [...enlisted, ...refusals])).toEqual([]);
    const branches = ['orders-db', 'stock-db'].map((rm) => ({ rm, canOnePhase: false }));
    peer.say({ begins: [{ ref: 50, timeoutMs: 5_000, name: 'told', gid, branches }] });
    expect(await peer.take('begun')).toMatchObject({ ref: 50, gid });
    expect(await other.take('enlisted')).toMatchObject({ ref: 77, branch: 3 });
    expect(coordinator.operations.list([], 10, '').transactions).toMatchObject([{ gid }]);
  });

  test('is begun with a branch that is refused, and aborted for ever', async () => {
    const { peer, gid } = await client();
    const branches = ['orders-db', 'other-db'].map((rm) => ({ rm, canOnePhase: false }));
    peer.say({ begins: [{ ref: 50, timeoutMs: 5_000, name: 'told', gid, branches }] });
    expect(await peer.take('refusals')).toMatchObject({ ref: 50, reason: { code: 'unknown-rm' } });
    expect(await verdictOn(peer, gid)).toBe('VERDICT_ABORT');
    const ref = peer.commit(gid);
    const outcome = await peer.take('outcomes', (message) => message.ref === ref);
    expect(outcome.kind).toBe('OUTCOME_ABORTED');
  });

  test('is lost, and an enlist that waited for it is refused', async () => {
    const { peer, gid } = await client();
    const other = connect('other');
    await other.serve('items-db');
    other.say({ enlists: [{ ref: 77, gid, rm: 'items-db', canOnePhase: false }] });
    await other.ask(gid);
    peer.die();
    expect((await other.take('refusals')).reason).toMatchObject({ code: 'not-live' });
  });
});

test('a drain waits for what has begun without a word, and takes it', async () => {
  const { peer, gid } = await client();
  const drained = coordinator.drain(5_000);
  peer.say({ begins: [{ ref: 50, timeoutMs: 5_000, name: 'told', gid, branches: [] }] });
  await peer.take('begun');
  peer.say({ reserves: [{ ref: 51, unusedFrom: 0 }] });
  expect(await peer.take('refusals')).toMatchObject({ ref: 51, reason: { code: 'draining' } });
  const ref = peer.commit(gid);
  const outcome = await peer.take('outcomes', (message) => message.ref === ref);
  expect(outcome.kind).toBe('OUTCOME_COMMITTED');
  await drained;
});

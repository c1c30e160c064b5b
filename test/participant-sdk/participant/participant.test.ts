import { type CommitBranch, formatBranchId, type Gid, type PeerFrame } from '@unanimous/proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { currentTransaction } from '../../../participant-sdk/src/participant/scope.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { FakeBranch, FakeDatabase } from '../support/fake-database.ts';
import { logId, ScriptedCoordinator } from '../support/scripted-coordinator.ts';

let coordinator: ScriptedCoordinator;
let tm: TransactionClient;
let orders: FakeDatabase;
const events: string[] = [];

beforeEach(async () => {
  events.length = 0;
  const log = (fields: object) => void events.push((fields as { event: string }).event);
  coordinator = new ScriptedCoordinator();
  tm = new TransactionClient({
    transport: coordinator,
    scanIntervalMs: 20,
    closeTimeoutMs: 50,
    logger: { debug: log, info: log, warn: log, error: log },
  });
  orders = await tm.serve(new FakeDatabase('orders-db'));
});

afterEach(async () => {
  await tm.close();
});

const gid = `${logId}-1-900` as Gid;
const ref = { gid, branch: 1, rm: 'orders-db' };
const id = { ...ref, incarnation: 'i1' };
const key = formatBranchId(id);
const prepare = { ...ref, remainingMs: 1_000, onePhase: false, work: Buffer.alloc(0) };
const facts = { receipt: key, redo: Buffer.alloc(0), epoch: 1, seq: 1, lowWaterSeq: 0 };
const commit: CommitBranch = { ...ref, ...facts, kind: 'COMMIT_PREPARED', incarnation: 'i1' };

const say: ScriptedCoordinator['connections'][0]['say'] = (messages) => {
  coordinator.connections.at(-1)?.say(messages);
};

async function hear<K extends 'votes' | 'acknowledgements' | 'inDoubts'>(
  kind: K,
): Promise<NonNullable<PeerFrame[K][number]>> {
  const find = () => coordinator.heard(kind).flat().at(-1);
  return waitUntil(find, { what: kind });
}

/** Joins and writes a row, as a handler of a called service does. */
async function work(remainingMs = 10_000) {
  const joined = tm.join(gid, remainingMs);
  await joined.run(() => orders.write('row'));
  return joined;
}

const settleFor = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('before the vote', () => {
  test('a Prepare while a handler still runs is a no', async () => {
    const joined = await work();
    say({ prepares: [prepare] });
    expect(await hear('votes')).toMatchObject({
      kind: 'NO',
      reason: { code: 'handler-running', rm: 'orders-db', retryable: true },
      incarnation: 'i1',
    });
    await expect(joined.run(() => orders.write('more'))).rejects.toMatchObject({
      code: 'work-after-end',
    });
    joined.answer();
    expect(orders.store.calls).toEqual(['rollback 1']);
  });

  test('a Prepare while a statement runs is a no that names it', async () => {
    const joined = await work();
    const opened = (await joined.run(() => orders.branch())) as FakeBranch;
    expect(joined.answer()).toBeUndefined();
    void opened.write('slow', 50);
    say({ prepares: [prepare] });
    expect(await hear('votes')).toMatchObject({
      kind: 'NO',
      reason: { code: 'statement-running', message: 'still running: write slow' },
    });
  });

  test('a lost session rolls its branches back at once, and votes no afterwards', async () => {
    const joined = await work();
    joined.answer();
    coordinator.connections[0]?.end();
    await waitUntil(() => orders.store.calls.includes('rollback 1'), {
      what: 'the rollback',
      timeoutMs: 2_000, // long before the deadline
    });
    await waitUntil(() => coordinator.heard('serves').flat().length === 2, { what: 'serve again' });
    say({ prepares: [prepare] });
    expect(await hear('votes')).toMatchObject({ kind: 'NO', reason: { code: 'branch-unknown' } });
  });

  test('the deadline rolls a branch back, whether or not the coordinator says so', async () => {
    const joined = await work(50);
    joined.answer();
    await waitUntil(() => orders.store.calls.includes('rollback 1'), { what: 'the rollback' });
  });

  test('work in a branch that was aborted is refused, whatever the resource would say', async () => {
    const joined = await work();
    say({ aborts: [{ ...ref, receipt: '', incarnation: '' }] });
    await waitUntil(() => orders.store.calls.includes('rollback 1'), { what: 'the rollback' });
    const late = joined.run(() => orders.branch());
    await expect(late).rejects.toMatchObject({ code: 'work-after-end' });
  });

  test('an enlist that is answered after the deadline opens nothing', async () => {
    const refs: number[] = [];
    coordinator.answer = ({ enlists }) => void refs.push(...enlists.map((one) => one.ref));
    const joined = tm.join(gid, 30);
    let isLate = false;
    const write = (): Promise<void> => {
      currentTransaction()?.signal.addEventListener('abort', () => (isLate = true));
      return orders.write('row');
    };
    const writing = joined.run(write).catch(String);
    await waitUntil(() => refs.length === 1 && isLate, { what: 'the deadline' });
    say({ enlisted: [{ ref: refs[0] ?? 0, branch: 1, remainingMs: 0 }] });
    expect(await writing).toContain('deadline');
    coordinator.connections.at(-1)?.end(); // would roll back what is open
    await settleFor(10);
    expect(orders.store.calls).toEqual([]);
  });

  test('an abort cancels what runs', async () => {
    const joined = await work();
    const opened = (await joined.run(() => orders.branch())) as FakeBranch;
    void joined.run(() => orders.write('slow', 1_000));
    await settleFor(5);
    say({ aborts: [{ ...ref, receipt: '', incarnation: '' }] });
    expect(await hear('acknowledgements')).toMatchObject({ ...ref, result: 'ROLLED_BACK' });
    expect(opened.isRolledBack).toBe(true);
  });
});

describe('after the vote', () => {
  async function vote(): Promise<void> {
    (await work()).answer();
    say({ prepares: [prepare] });
    expect(await hear('votes')).toMatchObject({ kind: 'YES', receipt: key });
  }

  test('scans do not ask about a branch whose decision is awaited, at first', async () => {
    await vote();
    expect(coordinator.heard('inDoubts').flat()).toEqual([]);
    expect(await hear('inDoubts')).toMatchObject(id); // it has waited for a whole interval
    expect(orders.store.prepared.has(key)).toBe(true);
  });

  test.each(['VERDICT_WAIT', 'VERDICT_FOREIGN', 'VERDICT_HAZARD'] as const)(
    '%s leaves the branch alone',
    async (kind) => {
      await vote();
      await hear('inDoubts');
      say({ verdicts: [{ ...ref, kind, word: null }] });
      await settleFor(50);
      expect(orders.store.prepared.has(key)).toBe(true);
      expect(events.includes('branch.hazard')).toBe(kind === 'VERDICT_HAZARD');
    },
  );

  test('a new session hears the vote again, and is asked', async () => {
    await vote();
    coordinator.connections[0]?.end();
    await waitUntil(() => coordinator.heard('votes').flat().length === 2, { what: 'the vote' });
    const [first, second] = coordinator.heard('votes').flat();
    expect(second).toEqual(first);
    expect(await hear('inDoubts')).toMatchObject(id);
    say({ verdicts: [{ ...ref, kind: 'VERDICT_COMMIT', word: null }] });
    expect(await hear('acknowledgements')).toMatchObject({ result: 'COMMITTED' });
    expect(orders.store.rows).toEqual(['row']);
  });

  test('a failing commit is told once for each cause, and goes on', async () => {
    await vote();
    const causes = ['down', 'down', 'full'];
    orders.hooks.commit = () => {
      const cause = causes.shift();
      if (cause) throw new Error(cause);
    };
    say({ commits: [commit], position: { logId, epoch: 1, nonce: '00', seq: 1, chain: '' } });
    await waitUntil(() => orders.store.rows.length === 1, { what: 'the commit' });
    await settleFor(10);
    const answers = coordinator.heard('acknowledgements').flat();
    expect(answers.map(({ result, reason }) => [result, reason?.message])).toEqual([
      ['PENDING', 'down'],
      ['PENDING', 'full'],
      ['COMMITTED', undefined],
    ]);
  });
});

describe('a branch of another instance', () => {
  test('is committed, or rolled back, here when the coordinator says so', async () => {
    orders.store.prepared.set(key, { id, writes: ['row'] });
    say({ commits: [commit] });
    expect(await hear('acknowledgements')).toMatchObject({ ...ref, result: 'COMMITTED' });
    const other = { ...id, branch: 2 };
    orders.store.prepared.set(formatBranchId(other), { id: other, writes: ['no'] });
    const receipt = formatBranchId(other);
    say({ aborts: [{ ...ref, branch: 2, receipt, incarnation: 'i1' }] });
    await waitUntil(() => orders.store.prepared.size === 0, { what: 'the rollback' });
    expect(orders.store.rows).toEqual(['row']);
  });

  test('that is gone and without receipt when its verdict comes is no hazard', async () => {
    orders.store.prepared.set(key, { id, writes: ['row'] });
    expect(await hear('inDoubts')).toMatchObject(id);
    orders.store.prepared.clear(); // a sibling was faster
    say({ verdicts: [{ ...ref, kind: 'VERDICT_COMMIT', word: null }] });
    await waitUntil(() => orders.store.calls.includes('commit 1'), { what: 'the try' });
    await settleFor(20);
    expect(coordinator.heard('acknowledgements').flat()).toEqual([]);
  });

  test('that an entry calls committed is reported, when its transaction was aborted', async () => {
    orders.store.audits.push({ gid, branch: 1, result: 'committed', reason: 'INC-9' });
    expect(await hear('inDoubts')).toMatchObject(ref);
    say({ verdicts: [{ ...ref, kind: 'VERDICT_ABORT', word: null }] });
    expect(await hear('acknowledgements')).toMatchObject({
      ...ref,
      result: 'COMMITTED',
      reason: { code: 'heuristic', message: 'orders-db: committed by hand: INC-9' },
    });
  });

  test('that an entry calls committed acknowledges nothing when that was the decision', async () => {
    orders.store.audits.push({ gid, branch: 1, result: 'committed', reason: 'INC-9' });
    await hear('inDoubts');
    // Whether it did commit is for the receipt to say, when the commit comes.
    for (const kind of ['VERDICT_COMMIT', 'VERDICT_WAIT', 'VERDICT_HAZARD'] as const) {
      say({ verdicts: [{ ...ref, kind, word: null }] });
    }
    await settleFor(50);
    expect(coordinator.heard('acknowledgements').flat()).toEqual([]);
  });

  test('that is still prepared has not ended as its entry says: only the branch is asked about', async () => {
    let scans = 0;
    orders.hooks.scan = () => void (scans += 1);
    orders.store.prepared.set(key, { id, writes: ['row'] });
    orders.store.audits.push({ gid, branch: 1, result: 'committed', reason: 'INC-9' });
    await waitUntil(() => scans > 3, { what: 'scans' });
    const asked = coordinator.heard('inDoubts').flat();
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThanOrEqual(scans);
  });

  test('that an entry calls committed is asked about once on a session', async () => {
    let scans = 0;
    orders.hooks.scan = () => void (scans += 1);
    orders.store.audits.push({ gid, branch: 1, result: 'committed', reason: 'INC-9' });
    await hear('inDoubts');
    await waitUntil(() => scans > 3, { what: 'scans' });
    expect(coordinator.heard('inDoubts').flat()).toHaveLength(1);
    coordinator.connections[0]?.end();
    const isAsked = () => coordinator.heard('inDoubts').flat().length === 2;
    await waitUntil(isAsked, { what: 'the question on the next session' });
  });

  test('that an entry calls committed is asked about until its transaction is decided', async () => {
    orders.store.audits.push({ gid, branch: 1, result: 'committed', reason: 'INC-9' });
    await hear('inDoubts');
    say({ verdicts: [{ ...ref, kind: 'VERDICT_WAIT', word: null }] });
    const isAskedAgain = () => coordinator.heard('inDoubts').flat().length === 2;
    await waitUntil(isAskedAgain, { what: 'the second question' });
    say({ verdicts: [{ ...ref, kind: 'VERDICT_ABORT', word: null }] });
    expect(await hear('acknowledgements')).toMatchObject({ ...ref, result: 'COMMITTED' });
  });

  test('that somebody commits by hand between two questions is reported', async () => {
    let scans = 0;
    orders.hooks.scan = () => void (scans += 1);
    orders.store.prepared.set(key, { id, writes: ['row'] });
    await hear('inDoubts');
    orders.store.prepared.clear();
    orders.store.audits.push({ gid, branch: 1, result: 'committed', reason: 'INC-9' });
    const before = scans;
    await waitUntil(() => scans > before + 2, { what: 'scans' });
    // One verdict for each question; the first is on the branch that was prepared.
    const verdict = { ...ref, kind: 'VERDICT_ABORT', word: null } as const;
    say({
      verdicts: coordinator
        .heard('inDoubts')
        .flat()
        .map(() => verdict),
    });
    expect(await hear('acknowledgements')).toMatchObject({ ...ref, result: 'COMMITTED' });
  });

  test('that an entry calls committed is asked about when nobody holds it any more', async () => {
    let scans = 0;
    orders.hooks.scan = () => void (scans += 1);
    orders.store.prepared.set(key, { id, writes: ['row'] });
    await hear('inDoubts');
    let goOn = () => {};
    orders.hooks.abort = () => new Promise<void>((resolve) => (goOn = resolve));
    say({ verdicts: [{ ...ref, kind: 'VERDICT_ABORT', word: null }] });
    await waitUntil(() => orders.store.calls.includes('abort 1'), { what: 'the abort' });
    orders.store.prepared.clear();
    orders.store.audits.push({ gid, branch: 1, result: 'committed', reason: 'INC-9' });
    const [asked, before] = [coordinator.heard('inDoubts').flat().length, scans];
    await waitUntil(() => scans > before + 2, { what: 'scans' });
    expect(coordinator.heard('inDoubts').flat()).toHaveLength(asked);
    goOn();
    const isAsked = () => coordinator.heard('inDoubts').flat().length > asked;
    await waitUntil(isAsked, { what: 'the question on the entry' });
  });

  test("an operator's word is followed only when it is written down", async () => {
    orders.store.prepared.set(key, { id, writes: ['row'] });
    let isFull = true;
    orders.hooks.audit = () => {
      if (isFull) throw new Error('disk full');
    };
    const word = { code: 'heuristic', message: 'by ann', hint: '', rm: '', retryable: false };
    const verdict = { ...ref, kind: 'VERDICT_ABORT', word } as const;
    await hear('inDoubts');
    say({ verdicts: [verdict] });
    await waitUntil(() => events.includes('rm.audit-failed'), { what: 'the failure' });
    await settleFor(10);
    expect(orders.store.prepared.has(key)).toBe(true);
    isFull = false;
    await hear('inDoubts'); // the next scan asks again
    say({ verdicts: [verdict] });
    await waitUntil(() => orders.store.prepared.size === 0, { what: 'the rollback' });
    expect(orders.store.audits).toMatchObject([{ gid, result: 'rolled-back', reason: 'by ann' }]);
  });

  test('of another resource manager in the same database is not asked about', async () => {
    const other = { ...id, rm: 'stock-db' };
    orders.store.prepared.set(formatBranchId(other), { id: other, writes: ['row'] });
    orders.store.prepared.set(key, { id, writes: ['row'] });
    expect(await hear('inDoubts')).toMatchObject(id);
    await settleFor(50); // some more scans
    expect(
      new Set(
        coordinator
          .heard('inDoubts')
          .flat()
          .map(({ rm }) => rm),
      ),
    ).toEqual(new Set(['orders-db']));
  });

  test('whose one phase is still in progress is pending until it has ended', async () => {
    orders.store.open.add(key);
    say({ commits: [{ ...commit, kind: 'SETTLE' }] });
    expect(await hear('acknowledgements')).toMatchObject({ result: 'PENDING' });
    orders.store.open.delete(key);
    orders.store.fates.set(key, 'rolled-back');
    await waitUntil(() => coordinator.heard('acknowledgements').flat().length === 2, {
      what: 'the end',
    });
    expect(await hear('acknowledgements')).toMatchObject({ result: 'ROLLED_BACK' });
  });

  test('of a resource manager that is not served here stays pending', async () => {
    say({ commits: [{ ...commit, rm: 'other-db' }] });
    expect(await hear('acknowledgements')).toMatchObject({
      result: 'PENDING',
      reason: { code: 'unknown-rm' },
    });
  });
});

describe('work that comes with Prepare', () => {
  test('is opened, prepared and voted on', async () => {
    orders.acceptWork = async (branchId, bytes) => {
      const branch = new FakeBranch(orders, branchId);
      await branch.write(Buffer.from(bytes).toString(), 0);
      return branch;
    };
    say({ prepares: [{ ...prepare, work: Buffer.from('by hand') }] });
    expect(await hear('votes')).toMatchObject({ kind: 'YES', receipt: key });
    say({ commits: [commit] });
    await waitUntil(() => orders.store.rows.length === 1, { what: 'the commit' });
    expect(orders.store.rows).toEqual(['by hand']);
  });

  test('is refused where the resource takes none', async () => {
    say({ prepares: [{ ...prepare, work: Buffer.from('by hand') }] });
    expect(await hear('votes')).toMatchObject({ kind: 'NO', reason: { code: 'takes-no-work' } });
  });

  test('is kept no longer than its deadline when it was refused', async () => {
    say({ prepares: [{ ...prepare, remainingMs: 50, work: Buffer.from('by hand') }] });
    expect(await hear('votes')).toMatchObject({ kind: 'NO' });
    const isGone = () => tm.kept.branches === 0 && tm.kept.transactions === 0;
    await waitUntil(isGone, { what: 'the branch to be let go' });
  });
});

import { type Gid, reason as reasonOf } from '@unanimous/proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedCoordinator, startEmbedded } from '../../coordinator/src/embedded.ts';
import { begunTransaction, evolve } from '../../coordinator/src/protocol/transaction.ts';
import type { Transaction, TransactionEvent } from '../../coordinator/src/protocol/transaction.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';
import { ScriptedPeer } from './support/scripted-peer.ts';

let folder: TempDir;
let embedded: EmbeddedCoordinator;

async function start(limits = {}): Promise<void> {
  embedded = await startEmbedded({ dataDir: folder.file('log'), limits });
}

/** Ends the coordinator as a crash would, as far as its peers can see, and starts the next epoch. */
async function restart(limits = {}): Promise<void> {
  await embedded.close();
  await start(limits);
}

function connect(instance = 'peer-1'): ScriptedPeer {
  const peer = new ScriptedPeer((listener) => embedded.connect(listener));
  peer.hello(instance);
  return peer;
}

beforeEach(async () => {
  folder = tempDir();
  await start();
});

afterEach(async () => {
  await embedded.close();
  folder.remove();
});

describe('a transaction over two resource managers', () => {
  test('commits when both vote yes, and is answered when both have applied it', async () => {
    const peer = connect();
    await peer.serve('orders-db');
    await peer.serve('stock-db');
    const gid = await peer.begin();
    expect(await peer.enlist(gid, 'orders-db')).toBe(1);
    expect(await peer.enlist(gid, 'stock-db')).toBe(2);
    const ref = peer.commit(gid);
    for (const branch of [1, 2]) {
      await peer.take('prepares', (m) => m.gid === gid && m.branch === branch && !m.onePhase);
      peer.yes(gid, branch);
    }
    const first = await peer.take('commits', (m) => m.branch === 1);
    const second = await peer.take('commits', (m) => m.branch === 2);
    expect(first).toMatchObject({ kind: 'COMMIT_PREPARED', receipt: 'receipt-1' });
    expect(peer.heard.some((frame) => frame.outcomes.length > 0)).toBe(false);
    peer.acknowledge(first);
    peer.acknowledge(second);
    const outcome = await peer.take('outcomes', (m) => m.ref === ref);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: true, pending: [] });
    expect(peer.heard.some((frame) => frame.position !== null)).toBe(true);
  });

  test('aborts at the first no, says why, and tells the branch that voted yes', async () => {
    const peer = connect();
    await peer.serve('orders-db');
    await peer.serve('stock-db');
    const gid = await peer.begin();
    await peer.enlist(gid, 'orders-db');
    await peer.enlist(gid, 'stock-db');
    const ref = peer.commit(gid);
    await peer.take('prepares', (m) => m.branch === 2);
    peer.yes(gid, 1);
    const reason = { code: 'constraint-violated', message: 'no stock', hint: '', rm: 'stock-db' };
    peer.vote(gid, 2, { kind: 'NO', reason: { ...reason, retryable: false } });
    const outcome = await peer.take('outcomes', (m) => m.ref === ref);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_ABORTED', reason });
    expect(await peer.take('aborts')).toMatchObject({ branch: 1, receipt: 'receipt-1' });
  });

  test('a lost session aborts what has not voted on it, at once', async () => {
    const client = connect('client');
    const participant = connect('participant');
    await participant.serve('orders-db');
    const gid = await client.begin(60_000);
    await participant.enlist(gid, 'orders-db');
    const ref = client.commit(gid);
    await participant.take('prepares');
    participant.die();
    const outcome = await client.take('outcomes', (m) => m.ref === ref);
    expect(outcome).toMatchObject({
      kind: 'OUTCOME_ABORTED',
      reason: { code: 'session-lost', retryable: true },
    });
  });

  test('the deadline aborts, and names itself', async () => {
    const peer = connect();
    await peer.serve('orders-db');
    const gid = await peer.begin(50);
    await peer.enlist(gid, 'orders-db');
    const ref = peer.commit(gid);
    const outcome = await peer.take('outcomes', (m) => m.ref === ref);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_ABORTED', reason: { code: 'timeout' } });
  });

  test('who does not serve a resource manager after all is asked no more, and another is', async () => {
    const [peer, sibling] = [connect('one'), connect('two')];
    await peer.serve('orders-db');
    await sibling.serve('orders-db');
    const gid = await peer.begin();
    await peer.enlist(gid, 'orders-db');
    const ref = peer.commit(gid);
    await peer.take('prepares');
    peer.yes(gid, 1);
    const { branch, rm } = await peer.take('commits');
    const reason = {
      code: 'unknown-rm',
      message: 'not served here',
      hint: '',
      rm,
      retryable: false,
    };
    peer.say({ acknowledgements: [{ gid, branch, rm, result: 'PENDING', reason }] });
    const again = await sibling.take('commits');
    expect(again).toMatchObject({ gid, branch, rm, kind: 'COMMIT_PREPARED' });
    sibling.acknowledge(again);
    const outcome = await peer.take('outcomes', (m) => m.ref === ref);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: true });
    await peer.serve('orders-db'); // and later it may again
  });

  test('effects of a logged branch go out after the native branch has acknowledged', async () => {
    const peer = connect();
    await peer.serve('orders-db');
    await peer.serve('events', 'LOGGED');
    const gid = await peer.begin();
    await peer.enlist(gid, 'orders-db');
    await peer.enlist(gid, 'events');
    peer.commit(gid);
    await peer.take('prepares', (m) => m.branch === 2);
    peer.yes(gid, 1);
    peer.yes(gid, 2, 'redo');
    const native = await peer.take('commits');
    expect(native.rm).toBe('orders-db');
    expect(peer.heard.some((frame) => frame.commits.length > 0)).toBe(false);
    peer.acknowledge(native);
    const apply = await peer.take('commits');
    expect(apply).toMatchObject({ kind: 'APPLY', rm: 'events' });
    expect(Buffer.from(apply.redo).toString()).toBe('redo');
  });
});

describe('one phase', () => {
  test('one branch that can is asked for its receipt and given the permission', async () => {
    const peer = connect();
    await peer.serve('orders-db');
    const gid = await peer.begin();
    await peer.enlist(gid, 'orders-db', true);
    const ref = peer.commit(gid);
    expect(await peer.take('prepares')).toMatchObject({ onePhase: true });
    peer.vote(gid, 1, { kind: 'READY', receipt: 'xid 7' });
    const permission = await peer.take('commits');
    expect(permission).toMatchObject({ kind: 'ONE_PHASE', receipt: 'xid 7' });
    expect(await peer.ask(gid)).toMatchObject({ kind: 'OUTCOME_UNKNOWN' });
    peer.acknowledge(permission);
    const outcome = await peer.take('outcomes', (m) => m.ref === ref);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: true });
  });

  test('after a restart the receipt is asked, and the outcome is unknown until it answers', async () => {
    const before = connect();
    await before.serve('orders-db');
    const gid = await before.begin();
    await before.enlist(gid, 'orders-db', true);
    before.commit(gid);
    await before.take('prepares');
    before.vote(gid, 1, { kind: 'READY', receipt: 'xid 7' });
    await before.take('commits');
    await restart();
    const after = connect();
    expect(await after.ask(gid)).toMatchObject({ kind: 'OUTCOME_UNKNOWN' });
    await after.serve('orders-db');
    const question = await after.take('commits');
    expect(question).toMatchObject({ kind: 'SETTLE', receipt: 'xid 7' });
    after.acknowledge(question, 'ROLLED_BACK');
    // Acknowledged with no reason, it is still an abort that says where it came from.
    await expect.poll(async () => (await after.ask(gid)).kind).toBe('OUTCOME_ABORTED');
  });
});

describe('recovery', () => {
  test('a decided transaction is sent again to whoever serves the RM next', async () => {
    const first = connect('instance-a');
    await first.serve('orders-db');
    await first.serve('stock-db');
    const gid = await first.begin();
    await first.enlist(gid, 'orders-db');
    await first.enlist(gid, 'stock-db');
    first.commit(gid, 0);
    await first.take('prepares', (m) => m.branch === 2);
    first.yes(gid, 1);
    first.yes(gid, 2);
    await first.take('commits', (m) => m.branch === 1);
    await restart();
    const second = connect('instance-b');
    await second.serve('orders-db');
    const again = await second.take('commits');
    expect(again).toMatchObject({ gid, branch: 1, kind: 'COMMIT_PREPARED', receipt: 'receipt-1' });
    second.acknowledge(again);
    expect(await second.ask(gid)).toMatchObject({
      kind: 'OUTCOME_COMMITTED',
      applied: false,
      pending: [{ rm: 'stock-db' }],
    });
    await second.serve('stock-db');
    second.acknowledge(await second.take('commits', (m) => m.branch === 2));
    await expect.poll(async () => (await second.ask(gid)).applied).toBe(true);
  });

  test('what was not decided is aborted, for clients and for prepared branches', async () => {
    const before = connect();
    await before.serve('orders-db');
    const gid = await before.begin(60_000);
    await before.enlist(gid, 'orders-db');
    await restart();
    const after = connect();
    await after.serve('orders-db');
    const { kind, reason } = await after.ask(gid);
    expect(kind).toBe('OUTCOME_ABORTED');
    expect(reason).toMatchObject({ retryable: true });
    after.say({ inDoubts: [{ gid, branch: 1, rm: 'orders-db', incarnation: 'i1' }] });
    expect(await after.take('verdicts')).toMatchObject({ kind: 'VERDICT_ABORT' });
  });

  test('a live gid is answered wait, a foreign one is left alone', async () => {
    const peer = connect();
    await peer.serve('orders-db');
    const gid = await peer.begin();
    const about = { branch: 1, rm: 'orders-db', incarnation: 'i1' };
    peer.say({ inDoubts: [{ gid, ...about }] });
    expect(await peer.take('verdicts')).toMatchObject({ kind: 'VERDICT_WAIT' });
    peer.say({ inDoubts: [{ gid: 'aaaaaaaaaaaa-1-1', ...about }] });
    expect(await peer.take('verdicts')).toMatchObject({ kind: 'VERDICT_FOREIGN' });
    peer.say({ inDoubts: [{ gid: "x'; drop table y", ...about }] });
    expect(await peer.take('verdicts')).toMatchObject({ kind: 'VERDICT_FOREIGN' });
  });

  test('what was forgotten is expired, also after a restart', async () => {
    await restart({ retainOutcomesMs: 1 });
    const peer = connect();
    await peer.serve('events', 'LOGGED');
    const gid = await peer.begin();
    await peer.enlist(gid, 'events');
    const ref = peer.commit(gid);
    await peer.take('prepares');
    peer.yes(gid, 1, 'redo');
    peer.acknowledge(await peer.take('commits'));
    await peer.take('outcomes', (m) => m.ref === ref);
    await expect.poll(async () => (await peer.ask(gid)).kind).toBe('OUTCOME_EXPIRED');
    await restart();
    expect(await connect().ask(gid)).toMatchObject({ kind: 'OUTCOME_EXPIRED' });
  });

  test('a branch that did not follow is reported, kept, and resolved by an operator', async () => {
    const peer = connect();
    await peer.serve('orders-db');
    await peer.serve('stock-db');
    const gid = await peer.begin();
    await peer.enlist(gid, 'orders-db');
    await peer.enlist(gid, 'stock-db');
    const ref = peer.commit(gid);
    await peer.take('prepares', (m) => m.branch === 2);
    peer.yes(gid, 1);
    peer.yes(gid, 2);
    peer.acknowledge(await peer.take('commits', (m) => m.branch === 1));
    peer.acknowledge(await peer.take('commits', (m) => m.branch === 2), 'ROLLED_BACK');
    const outcome = await peer.take('outcomes', (m) => m.ref === ref);
    expect(outcome).toMatchObject({
      kind: 'OUTCOME_COMMITTED',
      heuristics: [{ rm: 'stock-db', result: 'ROLLED_BACK' }],
    });
    await restart();
    expect(embedded.coordinator.operations.list([], 10, '').transactions).toMatchObject([
      { gid, state: 'heuristic' },
    ]);
    const by = { operator: 'ann', reason: 'reserved by hand' };
    await embedded.coordinator.operations.resolve(gid, 2, 'committed', by);
    await restart();
    // The other branch has acknowledged, and the log says so: it is told nothing again.
    expect(embedded.coordinator.operations.show(gid).state).toBe('committed');
    const again = connect();
    await again.serve('orders-db');
    expect(await again.ask(gid)).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: true });
    expect(again.heard.flatMap((frame) => frame.commits)).toEqual([]);
    expect(embedded.coordinator.operations.list([], 10, '').transactions).toEqual([]);
    expect(embedded.coordinator.operations.show(gid)).toMatchObject({
      branches: [{ state: 'committed' }, { state: 'resolved', resolvedBy: 'ann' }],
    });
  });
});

test('of what is over no redo payload is kept, however long its outcome is', () => {
  const gid = '0123456789ab-1-1' as Gid;
  const redo = new Uint8Array([1, 2, 3]);
  const branch = {
    branch: 1,
    rm: 'events',
    kind: 'logged',
    incarnation: 'i1',
    receipt: '',
    redo,
  } as const;
  const known = { ...branch, canOnePhase: false, session: 0, work: new Uint8Array() };
  const voted = { kind: 'voted', branch: 1, state: { is: 'yes' }, receipt: '', redo } as const;
  const decided = { kind: 'commit-decided', gid, branches: [branch] } as const;
  const live: readonly TransactionEvent[] = [
    { kind: 'enlisted', branch: { ...known, state: { is: 'working' } } },
    { ...voted, incarnation: 'i1' },
  ];
  const kept = (events: readonly TransactionEvent[], before?: Transaction) =>
    events.reduce(evolve, before)?.branches.map((one) => one.redo.byteLength);
  expect(kept(live, begunTransaction(gid))).toEqual([3]);
  const aborted = { kind: 'aborted', reason: reasonOf('timeout', 'too late') } as const;
  expect(kept([...live, aborted], begunTransaction(gid))).toEqual([0]);
  expect(kept([decided])).toEqual([3]);
  expect(kept([decided, { kind: 'followed', branch: 1, as: 'committed' }])).toEqual([0]);
  expect(kept([decided, { kind: 'ended', gid }])).toEqual([0]);
});

test('what was presumed aborted and is found committed by hand is reported, and stays', async () => {
  const before = connect();
  await before.serve('orders-db');
  const gid = await before.begin(60_000);
  await before.enlist(gid, 'orders-db');
  await restart();
  const after = connect();
  await after.serve('orders-db');
  after.say({ inDoubts: [{ gid, branch: 1, rm: 'orders-db', incarnation: 'i1' }] });
  expect(await after.take('verdicts')).toMatchObject({ kind: 'VERDICT_ABORT' });
  after.acknowledge({ gid, branch: 1, rm: 'orders-db' }, 'COMMITTED');
  expect(await after.ask(gid)).toMatchObject({
    kind: 'OUTCOME_ABORTED',
    heuristics: [{ rm: 'orders-db', result: 'COMMITTED' }],
  });
  await restart();
  expect(embedded.coordinator.operations.list([], 10, '').transactions).toMatchObject([
    { gid, state: 'heuristic' },
  ]);
});

test('a late acknowledgement of what was forgotten makes no heuristic', async () => {
  await restart({ retainOutcomesMs: 1 });
  const peer = connect();
  await peer.serve('events', 'LOGGED');
  const gid = await peer.begin();
  await peer.enlist(gid, 'events');
  peer.commit(gid);
  await peer.take('prepares');
  peer.yes(gid, 1, 'redo');
  const apply = await peer.take('commits');
  peer.acknowledge(apply);
  await expect.poll(async () => (await peer.ask(gid)).kind).toBe('OUTCOME_EXPIRED');
  peer.acknowledge(apply);
  expect(await peer.ask(gid)).toMatchObject({ kind: 'OUTCOME_EXPIRED' });
  expect(embedded.coordinator.operations.list([], 10, '').transactions).toEqual([]);
});

describe('what is refused', () => {
  test('two databases under one name, also after a restart', async () => {
    await connect('one').serve('orders-db', 'NATIVE', 'pg:1:orders');
    await restart();
    const peer = connect('two');
    const serve = { ref: 9, rm: 'orders-db', identity: 'pg:2:orders', incarnation: 'i1' };
    peer.say({ serves: [{ ...serve, kind: 'NATIVE', seen: null, takesWork: false }] });
    expect(await peer.take('refusals')).toMatchObject({
      ref: 9,
      reason: { code: 'rm-identity-mismatch' },
    });
  });

  test.each([
    ['enlist after the commit was asked for', 'not-live'],
    ['enlist of an RM that this session does not serve', 'unknown-rm'],
    ['commit by somebody else', 'not-owner'],
    ['a malformed gid', 'malformed-gid'],
    ["another coordinator's gid", 'foreign-gid'],
    ['a gid that was never given out', 'not-live'],
  ])('%s: %s', async (what, code) => {
    const peer = connect();
    const other = connect('other');
    await peer.serve('orders-db');
    const gid = await peer.begin();
    await peer.enlist(gid, 'orders-db');
    const { logId } = embedded.coordinator.incarnation;
    switch (what) {
      case 'enlist after the commit was asked for':
        peer.commit(gid);
        peer.say({ enlists: [{ ref: 9, gid, rm: 'orders-db', canOnePhase: false }] });
        break;
      case 'enlist of an RM that this session does not serve':
        peer.say({ enlists: [{ ref: 9, gid, rm: 'stock-db', canOnePhase: false }] });
        break;
      case 'commit by somebody else':
        other.say({ commits: [{ ref: 9, gid, waitAppliedMs: 0 }] });
        expect((await other.take('refusals')).reason?.code).toBe(code);
        return;
      case 'a malformed gid':
        peer.say({ asks: [{ ref: 9, gid: "1'; --" }] });
        break;
      case "another coordinator's gid":
        peer.say({ commits: [{ ref: 9, gid: 'aaaaaaaaaaaa-1-1', waitAppliedMs: 0 }] });
        break;
      default:
        peer.say({ asks: [{ ref: 9, gid: `${logId}-1-999` }] });
    }
    const { reason } = await peer.take('refusals', (m) => m.ref === 9);
    expect(reason).toMatchObject({ code });
    expect(reason?.hint).not.toBe('');
  });

  test('more open transactions than the limit, with a time to try again', async () => {
    await restart({ maxOpen: 2 });
    const peer = connect();
    await peer.begin();
    const gid = await peer.begin();
    peer.say({ begins: [{ ref: 9, timeoutMs: 0, name: '', gid: '', branches: [] }] });
    const refusal = await peer.take('refusals');
    expect(refusal).toMatchObject({ ref: 9, reason: { code: 'overloaded', retryable: true } });
    expect(refusal.retryAfterMs).toBeGreaterThan(0);
    peer.say({ aborts: [{ ref: 10, gid, reason: null }] });
    await peer.take('outcomes', (m) => m.ref === 10);
    await peer.begin();
  });

  test('a peer of another protocol version hears which ones are spoken', async () => {
    const peer = new ScriptedPeer((listener) => embedded.connect(listener));
    const hello = { instance: 'x', service: '', sdk: '', seen: null };
    peer.say({ hello: { ...hello, protocolMin: 7, protocolMax: 9 } });
    const error = await peer.closed();
    expect(error).toMatchObject({ code: 'unsupported-protocol' });
    expect(error?.message).toContain('7 to 9');
  });
});

test('a position that the log does not hold stops the coordinator', async () => {
  const peer = connect();
  await peer.serve('orders-db');
  const { logId, epoch, nonce } = embedded.coordinator.incarnation;
  const seen = { logId, epoch, nonce, seq: 1_000_000, chain: '' };
  const serve = { ref: 9, rm: 'orders-db', identity: 'orders-db', incarnation: 'i1', seen };
  peer.say({ serves: [{ ...serve, kind: 'NATIVE', takesWork: false }] });
  expect(await peer.closed()).toMatchObject({ code: 'log-restored' });
  expect(embedded.coordinator.failure).toMatchObject({ code: 'log-restored' });
});

test('nothing is told to who has seen more than the log holds, not even a welcome (rule 17)', async () => {
  const first = connect();
  const gid = await first.begin();
  const { logId, epoch, nonce } = embedded.coordinator.tip();
  const peer = new ScriptedPeer((listener) => embedded.connect(listener));
  const seen = { logId, epoch, nonce, seq: 1_000_000, chain: '' };
  // The log answers from its thread: what the peer says meanwhile must wait.
  const hello = { protocolMin: 1, protocolMax: 1, instance: 'peer-2', service: '', sdk: '', seen };
  peer.say({ hello, asks: [{ ref: 1, gid }] });
  peer.say({ begins: [{ ref: 2, timeoutMs: 1_000, name: '', gid: '', branches: [] }] });
  expect(await peer.closed()).toMatchObject({ code: 'log-restored' });
  expect(peer.heard).toEqual([]);
  expect(embedded.coordinator.failure).toMatchObject({ code: 'log-restored' });
});

test('who has seen no more is welcomed, and what it has said meanwhile is answered', async () => {
  const peer = new ScriptedPeer((listener) => embedded.connect(listener));
  const seen = embedded.coordinator.tip();
  const hello = { protocolMin: 1, protocolMax: 1, instance: 'peer-2', service: '', sdk: '', seen };
  peer.say({ hello, begins: [{ ref: 2, timeoutMs: 1_000, name: '', gid: '', branches: [] }] });
  expect(await peer.take('begun', (m) => m.ref === 2)).toBeDefined();
  expect(peer.heard[0]?.welcome).not.toBeNull();
});

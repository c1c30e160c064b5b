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

async function start(): Promise<void> {
  coordinator = await Coordinator.start({ log: log.engine() });
}

beforeEach(async () => {
  log = new HeldLog();
  await start();
});

afterEach(async () => {
  log.release();
  await coordinator.close();
});

/** A client that serves `client-db`, and two instances that serve `orders-db`. */
async function threePeers() {
  const [client, first, second] = [connect('client'), connect('first'), connect('second')];
  await client.serve('client-db');
  await first.serve('orders-db');
  await second.serve('orders-db');
  return { client, first, second };
}

/** Begun by the client, with a branch of its own and one of `first`; both are asked to prepare. */
async function asked({ client, first }: { client: ScriptedPeer; first: ScriptedPeer }) {
  const gid = await client.begin();
  await client.enlist(gid, 'client-db');
  await first.enlist(gid, 'orders-db');
  const ref = client.commit(gid);
  await client.take('prepares');
  await first.take('prepares');
  return { gid, ref };
}

describe('another instance', () => {
  test('hears the commit when the one that prepared is lost before its answer', async () => {
    const { client, first, second } = await threePeers();
    const { gid, ref } = await asked({ client, first });
    client.yes(gid, 1);
    first.yes(gid, 2);
    client.acknowledge(await client.take('commits'));
    await first.take('commits');
    first.die();
    const commit = await second.take('commits');
    expect(commit).toMatchObject({ gid, branch: 2, receipt: 'receipt-2' });
    second.acknowledge(commit);
    const outcome = await client.take('outcomes', (m) => m.ref === ref);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: true });
  });

  test('hears the abort of what the lost one has prepared', async () => {
    const { client, first, second } = await threePeers();
    const { gid } = await asked({ client, first });
    first.yes(gid, 2);
    await expect.poll(() => coordinator.operations.show(gid).branches[1]?.state).toBe('yes');
    first.die();
    client.vote(gid, 1, { kind: 'NO' });
    expect(await second.take('aborts')).toMatchObject({ gid, branch: 2, receipt: 'receipt-2' });
  });

  test('is never permitted what only the lost one could do: it asks the receipt', async () => {
    const { client, first, second } = await threePeers();
    const gid = await client.begin();
    await first.enlist(gid, 'orders-db', true);
    client.commit(gid);
    await first.take('prepares');
    log.hold();
    first.vote(gid, 1, { kind: 'READY', receipt: 'xid 7' });
    await log.holding();
    first.die();
    log.release();
    expect(await second.take('commits')).toMatchObject({ kind: 'SETTLE', receipt: 'xid 7' });
  });
});

test('an acknowledgement counts only from who serves the resource manager', async () => {
  const { client, first } = await threePeers();
  const { gid, ref } = await asked({ client, first });
  client.yes(gid, 1);
  first.yes(gid, 2);
  const [own, theirs] = [await client.take('commits'), await first.take('commits')];
  client.acknowledge(theirs);
  client.acknowledge(own);
  const pending = [{ branch: 2, rm: 'orders-db' }];
  await expect.poll(async () => (await client.ask(gid)).pending).toMatchObject(pending);
  first.acknowledge(theirs);
  const outcome = await client.take('outcomes', (m) => m.ref === ref);
  expect(outcome).toMatchObject({ applied: true });
});

test('a branch of which nobody can tell is reported, not counted as committed', async () => {
  const { client, first } = await threePeers();
  const { gid, ref } = await asked({ client, first });
  client.yes(gid, 1);
  first.yes(gid, 2);
  client.acknowledge(await client.take('commits'));
  first.acknowledge(await first.take('commits'), 'UNKNOWN_RESULT');
  const outcome = await client.take('outcomes', (m) => m.ref === ref);
  expect(outcome).toMatchObject({ heuristics: [{ rm: 'orders-db', result: 'UNKNOWN_RESULT' }] });
});

test('a yes that comes after the abort hears its verdict at once', async () => {
  const { client, first } = await threePeers();
  const { gid } = await asked({ client, first });
  client.vote(gid, 1, { kind: 'NO' });
  await first.take('aborts');
  first.yes(gid, 2);
  expect(await first.take('verdicts')).toMatchObject({ gid, branch: 2, kind: 'VERDICT_ABORT' });
});

test('a branch of an older incarnation that was never decided is aborted, not a hazard', async () => {
  const { client, first } = await threePeers();
  const { gid } = await asked({ client, first });
  await coordinator.close();
  await start();
  const again = connect('again');
  await again.serve('orders-db');
  again.say({ inDoubts: [{ gid, branch: 2, rm: 'orders-db', incarnation: 'i0' }] });
  expect(await again.take('verdicts')).toMatchObject({ kind: 'VERDICT_ABORT' });
});

test('a branch of a gid that was never given out here stops the coordinator', async () => {
  const { first } = await threePeers();
  const gid = '4f1c9a7be203-1-1000';
  first.say({ inDoubts: [{ gid, branch: 1, rm: 'orders-db', incarnation: 'i1' }] });
  expect(await first.closed()).toMatchObject({ code: 'log-restored' });
});

test('a peer that has not introduced itself is not heard', async () => {
  const peer = new ScriptedPeer((listener) => connectInProcess(coordinator, listener));
  peer.say({ begins: [{ ref: 1, timeoutMs: 5_000, name: '', gid: '', branches: [] }] });
  expect(await peer.closed()).toMatchObject({ code: 'invalid-argument' });
  expect(coordinator.transactions.openCount).toBe(0);
});

describe('the place of a decision', () => {
  /** All have voted yes. */
  async function voted(peer: ScriptedPeer, ...rms: readonly string[]): Promise<string> {
    const gid = await peer.begin();
    for (const rm of rms) await peer.enlist(gid, rm);
    peer.commit(gid, 0);
    for (const rm of rms) await peer.take('prepares', (m) => m.gid === gid && m.rm === rm);
    for (let branch = 1; branch <= rms.length; branch++) peer.yes(gid, branch, 'redo');
    return gid;
  }

  /** Decided, and not applied. */
  async function decided(peer: ScriptedPeer) {
    const gid = await voted(peer, 'events');
    return peer.take('commits', (m) => m.gid === gid);
  }

  test('orders decisions, and stays over a restart', async () => {
    const peer = connect('peer');
    await peer.serve('events', 'LOGGED');
    const [one, two] = [await decided(peer), await decided(peer)];
    expect(two.seq).toBeGreaterThan(one.seq);
    await coordinator.close();
    await start();
    const again = connect('again');
    await again.serve('events', 'LOGGED');
    for (const { gid, epoch, seq } of [one, two]) {
      expect(await again.take('commits', (m) => m.gid === gid)).toMatchObject({ epoch, seq });
    }
  });

  test('comes with the low-water mark: the oldest that is still owed', async () => {
    const peer = connect('peer');
    await peer.serve('events', 'LOGGED');
    const [one, two] = [await decided(peer), await decided(peer)];
    expect([one.lowWaterSeq, two.lowWaterSeq]).toEqual([one.seq, one.seq]);
    peer.acknowledge(one);
    expect(await decided(peer)).toMatchObject({ lowWaterSeq: two.seq });
  });

  // What is acknowledged and not known to the log as over is told again after a restart.
  test('comes with a low-water mark that waits until the end is with the log', async () => {
    const peer = connect('peer');
    await peer.serve('events', 'LOGGED');
    const one = await decided(peer);
    log.hold();
    const gid = await voted(peer, 'events');
    await log.holding();
    peer.acknowledge(one); // its end stands behind the decision that waits
    await peer.ask(one.gid);
    log.release();
    const two = await peer.take('commits', (m) => m.gid === gid);
    expect(two.lowWaterSeq).toBe(one.seq);
    expect(await decided(peer)).toMatchObject({ lowWaterSeq: two.seq });
  });

  test('comes with a low-water mark that waits until the whole transaction is over', async () => {
    const peer = connect('peer');
    await peer.serve('events', 'LOGGED');
    await peer.serve('mails', 'LOGGED');
    const gid = await voted(peer, 'events', 'mails');
    const one = await peer.take('commits', (m) => m.gid === gid && m.rm === 'events');
    const mails = await peer.take('commits', (m) => m.gid === gid && m.rm === 'mails');
    peer.acknowledge(one);
    expect(await decided(peer)).toMatchObject({ lowWaterSeq: one.seq });
    peer.acknowledge(mails);
    expect((await decided(peer)).lowWaterSeq).toBeGreaterThan(one.seq);
  });
});

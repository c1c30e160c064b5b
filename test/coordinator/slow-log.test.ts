import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Coordinator } from '../../coordinator/src/coordinator.ts';
import { connectInProcess } from '../../coordinator/src/embedded.ts';
import { HeldLog } from './support/held-log.ts';
import { ScriptedPeer } from './support/scripted-peer.ts';

// What may be told while a record is on its way, and when it can't be written.

let log: HeldLog;
let coordinator: Coordinator;

async function start(limits = {}): Promise<void> {
  coordinator = await Coordinator.start({ log: log.engine(), limits });
}

function connect(instance = 'peer-1'): ScriptedPeer {
  const peer = new ScriptedPeer((listener) => connectInProcess(coordinator, listener));
  peer.hello(instance);
  return peer;
}

beforeEach(async () => {
  log = new HeldLog();
  await start();
});

afterEach(async () => {
  log.failure = undefined;
  log.release();
  await coordinator.close();
});

/** What the peer has heard when it has heard this answer, which is the last one. */
async function outcomesBeforeAnswer(peer: ScriptedPeer, gid: string) {
  const answer = await peer.ask(gid);
  return { answer, others: peer.heard.flatMap(({ outcomes }) => outcomes) };
}

describe('while a record is on its way', () => {
  test("what hangs on an operator's word is not told, to nobody", async () => {
    const peer = connect();
    await peer.serve('orders-db');
    const gid = await peer.begin();
    await peer.enlist(gid, 'orders-db', true);
    const ref = peer.commit(gid);
    await peer.take('prepares');
    peer.vote(gid, 1, { kind: 'READY', receipt: 'xid 7' });
    peer.acknowledge(await peer.take('commits'), 'UNKNOWN_RESULT');
    await expect.poll(() => coordinator.operations.show(gid).state).toBe('heuristic');
    log.hold();
    const by = { operator: 'ann', reason: 'looked into it' };
    const resolved = coordinator.operations.resolve(gid, 1, 'committed', by);
    await log.holding();
    const { answer, others } = await outcomesBeforeAnswer(peer, gid);
    expect(answer).toMatchObject({ kind: 'OUTCOME_UNKNOWN' });
    expect(others).toEqual([]);
    peer.say({ inDoubts: [{ gid, branch: 1, rm: 'orders-db', incarnation: 'i1' }] });
    expect(await peer.take('verdicts')).toMatchObject({ kind: 'VERDICT_WAIT' });
    log.release();
    await resolved;
    const outcome = await peer.take('outcomes', (m) => m.ref === ref);
    expect(outcome).toMatchObject({ kind: 'OUTCOME_COMMITTED' });
  });

  test('nothing is forgotten before its mark is durable', async () => {
    await coordinator.close();
    await start({ retainOutcomesMs: 1 });
    const peer = connect();
    await peer.serve('events', 'LOGGED');
    const gid = await peer.begin();
    await peer.enlist(gid, 'events');
    peer.commit(gid);
    await peer.take('prepares');
    peer.yes(gid, 1, 'redo');
    const apply = await peer.take('commits');
    log.hold(); // the next forced record is the mark
    peer.acknowledge(apply);
    await log.holding();
    expect(await peer.ask(gid)).toMatchObject({ kind: 'OUTCOME_COMMITTED' });
    log.release();
    await expect.poll(async () => (await peer.ask(gid)).kind).toBe('OUTCOME_EXPIRED');
  });

  test('a name is not served before it is durable what it stands for', async () => {
    const peer = connect();
    log.hold();
    const kind = { kind: 'NATIVE', incarnation: 'i1', takesWork: false } as const;
    peer.say({ serves: [{ ref: 99, rm: 'orders-db', identity: 'a', seen: null, ...kind }] });
    await log.holding();
    await peer.begin(); // what was said before is answered before
    expect(peer.heard.flatMap(({ served }) => served)).toEqual([]);
    log.release();
    expect(await peer.take('served')).toMatchObject({ ref: 99 });
  });
});

test('a record that cannot be written: unknown for all who wait, and the end', async () => {
  const earlier = connect();
  const older = await earlier.begin();
  await coordinator.close();
  await start();
  const peer = connect();
  await peer.serve('events', 'LOGGED');
  const gid = await peer.begin();
  await peer.enlist(gid, 'events');
  expect(coordinator.outcome(older)).toMatchObject({ kind: 'OUTCOME_ABORTED' });
  log.failure = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  const ref = peer.commit(gid);
  await peer.take('prepares');
  peer.yes(gid, 1, 'redo');
  const outcome = await peer.take('outcomes', (m) => m.ref === ref);
  expect(outcome).toMatchObject({ kind: 'OUTCOME_UNKNOWN' });
  expect(await peer.closed()).toMatchObject({ code: 'log-failed' });
  // What another coordinator may have decided by now, on the same log, is not known here either.
  expect(coordinator.outcome(older)).toMatchObject({ kind: 'OUTCOME_UNKNOWN' });
});

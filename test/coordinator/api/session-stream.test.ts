import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import type { Wire } from './contract-client.ts';
import { RawPeer } from './raw-peer.ts';
import { ScriptedPeer } from './scripted-peer.ts';
import { type ServedCoordinator, serveCoordinator } from './served-coordinator.ts';

let served: ServedCoordinator;

beforeAll(async () => {
  served = await serveCoordinator();
});

afterAll(() => served[Symbol.asyncDispose]());

/** Status and code with which a peer's stream ends. */
async function endOf(peer: ScriptedPeer): Promise<{ status: number; code: string }> {
  const { code, metadata } = await peer.ended;
  return { status: code, code: String(metadata.get('unanimous-code')[0] ?? '') };
}

describe('a hello', () => {
  test('is answered with what the peer must know', async () => {
    const peer = await served.peer();
    const { logId, epoch } = served.service.coordinator.incarnation;
    expect(peer.frames[0].welcome).toMatchObject({ protocol: 1, logId, epoch, maxBranches: 64 });
  });

  test.each([
    ['a newer protocol', { protocolMin: 2, protocolMax: 3 }, 'unsupported-protocol'],
    ['none', { protocolMin: 0, protocolMax: 0 }, 'unsupported-protocol'],
    ['no instance', { instance: '' }, 'invalid-argument'],
  ])('that speaks %s is refused', async (_what, changes, code) => {
    const peer = new ScriptedPeer(served.address);
    peer.hello(changes);
    expect(await endOf(peer)).toMatchObject({ code });
    peer.close();
  });

  test('that does not come at all ends the stream after five seconds', async () => {
    const peer = new ScriptedPeer(served.address);
    peer.stream.resume();
    const startedMs = performance.now();
    expect(await endOf(peer)).toEqual({
      status: status.INVALID_ARGUMENT,
      code: 'invalid-argument',
    });
    expect(performance.now() - startedMs).toBeGreaterThan(4_000);
    peer.close();
  });

  test('that does not come first ends the stream', async () => {
    const peer = new ScriptedPeer(served.address);
    peer.send({ begins: [{ ref: 1 }] });
    expect(await endOf(peer)).toMatchObject({ code: 'invalid-argument' });
    peer.close();
  });
});

describe('a stream', () => {
  test('carries a transaction from begin to applied', async () => {
    const peer = await served.peer();
    await peer.serve('orders');
    peer.send({ begins: [{ ref: 7, name: 'place-order' }] });
    const { gid } = await peer.hears('begun', (begun) => begun[0]);
    peer.send({ enlists: [{ ref: 8, gid, rm: 'orders' }] });
    await peer.hears('enlisted', (enlisted) => enlisted[0]);
    peer.send({ commits: [{ ref: 9, gid, waitAppliedMs: 5_000 }] });
    const outcome = await peer.hears('outcomes', (outcomes) => outcomes[0]);
    expect(outcome).toMatchObject({ ref: 9, gid, kind: 'OUTCOME_COMMITTED', applied: true });
    const commit = peer.frames.find(({ commits }) => commits.length > 0);
    expect(commit.position.chain).toMatch(/^[0-9a-f]{32}$/);
  });

  test.each([
    ['cancelled', (peer: ScriptedPeer) => peer.stream.cancel()],
    ['ended', (peer: ScriptedPeer) => peer.stream.end()],
  ])('that is %s loses its session, and what was begun on it', async (_how, lose) => {
    const peer = await served.peer();
    peer.send({ begins: [{ ref: 1, timeoutMs: 60_000 }] });
    const { gid } = await peer.hears('begun', (begun) => begun[0]);
    lose(peer);
    const outcome = () => served.service.coordinator.outcome(gid);
    await waitUntil(() => outcome().kind === 'OUTCOME_ABORTED', { what: 'the abort' });
    expect(outcome().reason).toMatchObject({ code: 'session-lost' });
    peer.stream.cancel();
  });

  test('that the peer ends in peace ends in peace', async () => {
    const peer = await served.peer();
    peer.stream.end();
    expect(await endOf(peer)).toEqual({ status: status.OK, code: '' });
    peer.close();
  });

  test.each([
    ['ended', (peer: RawPeer) => peer.stream.end()],
    ['broken', (peer: RawPeer) => peer.close()],
  ])('that is %s has said all that came before', async (how, end) => {
    const peer = new RawPeer(served.address);
    await peer.hello();
    const rms = Array.from({ length: 12 }, (_, n) => `${how}-${n}`);
    const kind = { kind: 'LOGGED', takesWork: true, identity: how, incarnation: 'i1' };
    const sent = rms.map((rm, ref) => peer.send({ serves: [{ ref, rm, ...kind }] }));
    await new Promise((resolve) => peer.stream.write('', resolve));
    expect(sent).not.toContain(false);
    end(peer);
    const { coordinator } = served.service;
    const unsaid = () => rms.filter((rm) => !coordinator.identities.has(rm));
    await waitUntil(() => unsaid().length === 0, { what: 'all names' });
    const isServed = () => rms.some((rm) => coordinator.rms.pick(rm));
    await waitUntil(() => !isServed(), { what: 'the session to be lost' });
    peer.close();
  });

  test('is replaced by the same instance on a new one', async () => {
    const first = new ScriptedPeer(served.address);
    first.hello({ instance: 'twin' });
    await first.hears('welcome', (welcome) => welcome);
    const second = new ScriptedPeer(served.address);
    second.hello({ instance: 'twin' });
    await second.hears('welcome', (welcome) => welcome);
    expect(await endOf(first)).toEqual({ status: status.ABORTED, code: 'session-lost' });
    for (const peer of [first, second]) peer.close();
  });

  test.each([
    ['a frame of more than 4 MiB', { votes: [{ redo: Buffer.alloc(5 * 1_024 * 1_024) }] }],
    ['a crowded frame', { asks: Array.from({ length: 3_000 }, () => ({})) }],
    ['a number that does not fit', { hello: { seen: { seq: '18446744073709551615' } } }],
  ])('ends on %s, and no other', async (_what, frame) => {
    const peer = await served.peer();
    const other = await served.peer();
    peer.send(frame);
    expect((await endOf(peer)).status).not.toBe(status.OK);
    other.send({ begins: [{ ref: 1 }] });
    await other.hears('begun', (begun) => begun[0]);
    const instances = served.service.coordinator.operations
      .status()
      .peers.map((p: Wire) => p.instance);
    expect(instances).toContain(other.frames.length > 0 && other.instance);
    expect(instances).not.toContain(peer.instance);
  });

  test('that a defect hits ends alone, and the defect is logged', async () => {
    const logged: object[] = [];
    const error = (fields: object) => logged.push(fields);
    const logger = { debug() {}, info() {}, warn() {}, error };
    await using broken = await serveCoordinator({ logger });
    broken.service.coordinator.transactions.begin = () => {
      throw new RangeError('a defect');
    };
    broken.service.coordinator.sessions.frame = () => {
      throw new RangeError('another defect');
    };
    const peer = new ScriptedPeer(broken.address);
    peer.hello();
    expect(await endOf(peer)).toEqual({ status: status.INTERNAL, code: 'internal' });
    peer.close();
    await expect(broken.client().begin()).rejects.toMatchObject({ code: status.INTERNAL });
    const defect = { event: 'request.failed', code: 'internal' };
    expect(logged).toMatchObject([
      { ...defect, reason: 'another defect', stack: expect.stringContaining('RangeError') },
      { ...defect, reason: 'a defect' },
    ]);
    expect(await broken.client().admin('status')).toMatchObject({ peers: [] });
  });
});

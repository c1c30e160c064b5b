import { expect, test } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import { RawPeer } from './raw-peer.ts';
import { type ServedCoordinator, serveCoordinator } from './served-coordinator.ts';

const mebibyte = 1_024 * 1_024;

// Of 10 KiB of these the coordinator makes answers of 260 KiB.
const manyAnswers = {
  serves: Array.from({ length: 1_024 }, (_, ref) => ({ ref, kind: 'NATIVE' })),
};

async function lazyPeers(served: ServedCoordinator, count: number): Promise<RawPeer[]> {
  const peers = Array.from({ length: count }, () => new RawPeer(served.address));
  await Promise.all(peers.map((peer) => peer.hello()));
  served.onDispose(() => {
    for (const peer of peers) peer.close();
  });
  return peers;
}

async function commitOne(served: ServedCoordinator): Promise<void> {
  const client = served.client();
  const begun = await client.begin();
  await client.enlist(begun, 'honest', 'x');
  expect(await client.commit(begun)).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: true });
  client.close();
}

test('peers that do not read are dropped, bounded in memory, and nobody else notices', async () => {
  await using served = await serveCoordinator();
  const honest = await served.peer();
  await honest.serve('honest');
  await commitOne(served);
  const lazy = await lazyPeers(served, 5);
  const before = process.memoryUsage().rss;
  let highest = before;
  for (let round = 0; round < 200; round++) {
    for (const peer of lazy) peer.send(manyAnswers);
    const startedMs = performance.now();
    await commitOne(served);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    highest = Math.max(highest, process.memoryUsage().rss);
  }
  const views = () => served.service.coordinator.sessions.views();
  await waitUntil(() => views().length === 1, { what: 'the lazy to be gone', timeoutMs: 15_000 });
  // Without a bound they had made 250 MiB of answers wait.
  expect((highest - before) / mebibyte).toBeLessThan(180);
  const reset = () => lazy.every(({ stream }) => stream.closed);
  await waitUntil(reset, { what: 'their streams to be reset', timeoutMs: 5_000 });
}, 60_000);

test('a peer that reads nothing for ten seconds is dropped, however little waits', async () => {
  await using served = await serveCoordinator();
  const [peer] = await lazyPeers(served, 1);
  const views = () => served.service.coordinator.sessions.views();
  for (let frame = 0; frame < 10; frame++) {
    peer?.send(manyAnswers);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(views()).toHaveLength(1);
  await waitUntil(() => views().length === 0, { what: 'it to be dropped', timeoutMs: 12_000 });
  await waitUntil(() => peer?.stream.closed, { what: 'its stream to be reset', timeoutMs: 5_000 });
}, 30_000);

test('a peer that reads again in time keeps its session, and misses nothing', async () => {
  await using served = await serveCoordinator();
  const peer = await served.peer();
  peer.stream.pause();
  for (let frame = 0; frame < 30; frame++) {
    peer.send(manyAnswers);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const count = () => peer.frames.flatMap(({ refusals }) => refusals).length;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(count()).toBeLessThan(30 * 1_024);
  peer.stream.resume();
  await waitUntil(() => count() === 30 * 1_024, { what: 'all answers' });
  expect(served.service.coordinator.sessions.views()).toHaveLength(1);
});

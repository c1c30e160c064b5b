import { setTimeout as delay } from 'node:timers/promises';
import type { Direction, Passage, TcpRelay } from '../../integration/support/tcp-relay.ts';
import type { Random } from './nemesis.ts';

/** What a network does for a while, until it is mended. */
const passages: readonly [name: string, ways: readonly Direction[], passage: Passage][] = [
  ['answers dropped', ['answers'], 'drop'],
  ['requests dropped', ['requests'], 'drop'],
  ['single bytes', ['requests', 'answers'], 'dribble'],
  ['delay', ['requests', 'answers'], { delayMs: 300 }],
  ['delay past the deadline', ['requests', 'answers'], { delayMs: 3_000 }],
];

/** What ends a connection at once. */
const cuts: readonly [name: string, cut: (relay: TcpRelay) => void][] = [
  ['reset', (relay) => relay.cut()],
  ['end', (relay) => relay.finish()],
  // Nobody is told and nobody mends it: both ends have to notice.
  ['half-open', (relay) => relay.strand()],
];

/** Names of all of them. */
const networkFaults: readonly string[] = [...passages, ...cuts].map(([name]) => name);

/** Breaks the network of one service as chance wants it, and mends what does not end by itself. */
export async function breakNetwork(
  relay: TcpRelay,
  random: Random,
  note: (fault: string) => void,
): Promise<void> {
  const which = Math.floor(random() * networkFaults.length);
  note(networkFaults[which] ?? '');
  const passage = passages[which];
  if (!passage) {
    cuts[which - passages.length]?.[1](relay);
    return;
  }
  const [, ways, how] = passage;
  for (const way of ways) relay.set(way, how);
  await delay(200 + random() * 2_000);
  for (const way of ways) relay.set(way, 'pass');
  relay.cut(); // what was dropped is lost, and gRPC does not know
}

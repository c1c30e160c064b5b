import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Direction, type Passage, TcpRelay } from '../integration/support/tcp-relay.ts';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { CrashFleet } from './support/crash-fleet.ts';
import { Ledger } from './support/ledger.ts';

const mode = process.env.UNANIMOUS_CRASH;

let relay: TcpRelay;
let fleet: CrashFleet;
let ledger: Ledger;

/** Nothing is broken any more: a new connection, on which bytes pass. */
async function heal(): Promise<void> {
  relay.set('requests', 'pass');
  relay.set('answers', 'pass');
  relay.cut();
  await untilServed();
}

/** Waits until the stock service has a session again. */
async function untilServed(): Promise<void> {
  const isServed = async () => {
    const { peers } = await fleet.admin.status();
    return peers.some(({ rms }) => rms.includes('stock-db'));
  };
  await waitUntil(isServed, { what: 'the stock service to be connected', intervalMs: 5 });
}

serverOrSkip('postgres').describe('the network between a service and the coordinator', () => {
  beforeAll(async () => {
    fleet = await CrashFleet.start({
      route: async (coordinator) => {
        relay = await TcpRelay.start(coordinator);
        return relay.address;
      },
    });
    ledger = new Ledger(fleet);
    expect(await ledger.place('all').told).toBe('placed');
  });

  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
    await relay?.[Symbol.asyncDispose]();
  });

  /** Breaks it when the stock service has prepared: its vote, and all that follows, is concerned. */
  async function breakAtVote(fault: () => void): Promise<void> {
    const { stock } = fleet.failpoints;
    stock.arm({ name: 'p.prepare.before-vote', action: 'pause' });
    const order = ledger.place('all');
    await stock.untilFired('p.prepare.before-vote');
    fault();
    stock.go();
    stock.disarm();
    await order.told;
    await heal();
    await fleet.untilAtRest();
    expect(await ledger.violations()).toEqual([]);
  }

  const passages: [string, Direction[], Passage][] = [
    ['loses what the service says', ['requests'], 'drop'],
    ['loses what the coordinator says', ['answers'], 'drop'],
    ['loses both, and tells nobody', ['requests', 'answers'], 'drop'],
    ['carries single bytes', ['requests', 'answers'], 'dribble'],
    ['is slow', ['requests', 'answers'], { delayMs: 200 }],
    ['is slower than the deadline', ['requests', 'answers'], { delayMs: 1_700 }],
  ];

  test.each(passages)('%s: nothing is split', { timeout: 30_000 }, async (_name, ways, passage) => {
    await breakAtVote(() => {
      for (const way of ways) relay.set(way, passage);
    });
  });

  test.each([
    ['a reset', () => relay.cut()],
    ['an end in order', () => relay.finish()],
  ])('is cut by %s: nothing is split', { timeout: 30_000 }, async (_name, fault) => {
    await breakAtVote(fault);
  });

  describe('cut in a session', () => {
    test('after any number of bytes: nothing is split', { timeout: 3_600_000 }, async () => {
      await heal();
      await ledger.place('all').told;
      await fleet.untilAtRest();
      const lengths = { requests: relay.passed('requests'), answers: relay.passed('answers') };
      expect(Math.min(lengths.requests, lengths.answers)).toBeGreaterThan(300);
      const sampleBytes = Math.ceil((lengths.requests + lengths.answers) / 8);
      const stepBytes = mode === 'every' ? 1 : mode === 'all' ? 24 : sampleBytes;
      let cuts = 0;
      for (const direction of ['requests', 'answers'] as const) {
        for (let bytes = 1; bytes <= lengths[direction]; bytes += stepBytes) {
          relay.cutNextAt(direction, bytes);
          relay.cut();
          await ledger.place('all').told;
          await fleet.untilAtRest();
          if (!relay.isCutDue) cuts += 1;
        }
      }
      await heal();
      expect(await ledger.violations()).toEqual([]);
      expect(cuts).toBeGreaterThan(3);
    });
  });
});

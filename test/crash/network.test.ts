import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Direction, type Passage, TcpRelay } from '../integration/support/tcp-relay.ts';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { allowedMs } from './support/bounds.ts';
import { CrashFleet } from './support/crash-fleet.ts';
import { type Cut, CutLanes } from './support/cut-lanes.ts';
import { Ledger, type PlacedOrder } from './support/ledger.ts';

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
      route: async (coordinator, role) => {
        if (role !== 'stock') return undefined;
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
    const order = await orderUntilVote();
    fault();
    goOn();
    await order.told;
    await heal();
    await fleet.untilAtRest(allowedMs('S+Q'));
    expect(await ledger.violations()).toEqual([]);
  }

  async function orderUntilVote(): Promise<PlacedOrder> {
    fleet.failpoints.stock.arm({ name: 'p.prepare.before-vote', action: 'pause' });
    const order = ledger.place('all');
    await fleet.failpoints.stock.untilFired('p.prepare.before-vote');
    return order;
  }

  function goOn(): void {
    fleet.failpoints.stock.go();
    fleet.failpoints.stock.disarm();
  }

  test('is gone without a word, and nobody mends it: noticed within 5 s', async () => {
    await orderUntilVote();
    relay.strand();
    goOn();
    await fleet.untilAtRest(allowedMs('K+S+Q'));
    await untilServed();
    expect(await ledger.violations()).toEqual([]);
  });

  const passages: [string, Direction[], Passage][] = [
    ['loses what the service says', ['requests'], 'drop'],
    ['loses what the coordinator says', ['answers'], 'drop'],
    ['loses both, and tells nobody', ['requests', 'answers'], 'drop'],
    ['carries single bytes', ['requests', 'answers'], 'dribble'],
    ['is slow', ['requests', 'answers'], { delayMs: 200 }],
    ['is slower than the deadline', ['requests', 'answers'], { delayMs: 2_700 }],
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
    let lanes: CutLanes;

    beforeAll(async () => {
      const { ordersServer } = fleet.databases;
      const urls = [
        await ordersServer.createDatabase('lanes_first'),
        await ordersServer.createDatabase('lanes_second'),
      ] as const;
      const count = mode === 'every' ? 12 : 4;
      lanes = await CutLanes.start({ coordinator: fleet.settings.coordinator, urls, count });
    });

    afterAll(() => lanes?.[Symbol.asyncDispose]());

    test.each([
      [2, 'two phases'],
      [1, 'one phase'],
    ] as const)(
      'after any number of bytes, %i places: nothing is split',
      { timeout: 3_600_000 },
      async (places, phases) => {
        const lengths = await lanes.record(places);
        expect(Math.min(lengths.requests, lengths.answers)).toBeGreaterThan(300);
        const totalBytes = lengths.requests + lengths.answers;
        const stepBytes =
          mode === 'every' ? 1 : Math.ceil(totalBytes / (mode === 'all' ? 160 : 20));
        const cuts: Cut[] = [];
        for (const direction of ['requests', 'answers'] as const) {
          for (let bytes = 1; bytes <= lengths[direction]; bytes += stepBytes) {
            cuts.push({ direction, bytes });
          }
        }
        const beganMs = performance.now();
        const results = await lanes.cutAll(cuts, places);
        await fleet.untilAtRest(allowedMs('S+Q'));
        expect(await lanes.violations()).toEqual([]);
        const reached = results.filter(({ isReached }) => isReached);
        // On a busy machine a session says a few bytes less than it did when it was recorded.
        expect(reached.length).toBeGreaterThan(0.75 * cuts.length);
        const told = (what: string) => results.filter((result) => result.told === what).length;
        const seconds = Math.round((performance.now() - beganMs) / 1_000);
        console.log(
          `${phases}: ${lengths.requests} bytes one way and ${lengths.answers} the other, ` +
            `${reached.length} cuts of ${cuts.length} reached in ${seconds} s; ` +
            `${told('committed')} told committed, ${told('aborted')} aborted, ${told('unknown')} unknown`,
        );
      },
    );
  });
});

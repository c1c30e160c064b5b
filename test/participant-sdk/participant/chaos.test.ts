import { UnanimousError } from '@unanimous/proto';
import { afterEach, expect, test } from 'vitest';
import type { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { CoordinatorHost, type Line } from '../support/coordinator-host.ts';
import { FakeDatabase, FakeStore } from '../support/fake-database.ts';

let host: CoordinatorHost;

afterEach(async () => {
  await host.close();
});

/** Numbers that look random and are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Node {
  readonly line: Line;
  readonly tm: TransactionClient;
  readonly orders: FakeDatabase;
  readonly stock: FakeDatabase;
}

const names = ['orders', 'stock'] as const;
const pauseMs = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Two instances of each database, faults of every kind, and a ledger of what was promised. */
async function run(seed: number, durationMs: number) {
  const random = randomFrom(seed);
  host = await CoordinatorHost.start();
  const stores = { orders: new FakeStore(), stock: new FakeStore() };
  const makeNode = async (): Promise<Node> => {
    const line = host.line();
    const tm = host.client({ transport: line, scanIntervalMs: 50, timeoutMs: 1_000 });
    const orders = new FakeDatabase('orders-db', stores.orders);
    const stock = new FakeDatabase('stock-db', stores.stock, { canOnePhase: true });
    for (const database of [orders, stock]) {
      const flaky = async () => {
        if (random() < 0.5) await pauseMs(random() * 10);
        if (random() < 0.1) throw new UnanimousError('rm-unavailable', 'a fault');
      };
      Object.assign(database.hooks, { prepare: flaky, commit: flaky, abort: flaky, scan: flaky });
      Object.assign(database.hooks, { commitOnePhase: flaky, rollback: flaky });
    }
    await Promise.all([tm.serve(orders), tm.serve(stock)]);
    return { line, tm, orders, stock };
  };
  const nodes = [await makeNode(), await makeNode()];
  const promised = { committed: new Set<string>(), aborted: new Set<string>(), unknown: 0 };
  const endMs = performance.now() + durationMs;
  const isOver = () => performance.now() > endMs;

  const worker = async (node: Node, name: string) => {
    for (let count = 0; !isOver(); count++) {
      const row = `${name}-${count}`;
      const both = random() < 0.7;
      try {
        await node.tm.transaction(
          async () => {
            if (both) await node.orders.write(row, random() * 5);
            await node.stock.write(row, random() * 5);
          },
          { waitAppliedMs: 200 },
        );
        promised.committed.add(`${row} ${both}`);
      } catch (error) {
        const { code } = error as UnanimousError;
        if (code === 'unknown') promised.unknown += 1;
        else promised.aborted.add(`${row} ${both}`);
      }
    }
  };
  const faults = async () => {
    while (!isOver()) {
      await pauseMs(random() * 200);
      const node = nodes[Math.floor(random() * nodes.length)];
      const kind = random();
      if (kind < 0.5) node?.line.cut();
      else if (kind < 0.7 && node) {
        const [direction, left] = [random() < 0.5 ? 'onFrame' : 'onWrite', random() * 5];
        let frames = 0;
        node.line[direction as 'onFrame'] = () => {
          if (frames++ < left) return true;
          node.line[direction as 'onFrame'] = () => true;
          return false;
        };
      } else if (kind < 0.8) {
        await host.down();
        await pauseMs(random() * 50);
        await host.up();
      }
    }
  };
  const workers = nodes.flatMap((node, one) =>
    Array.from({ length: 8 }, (_, two) => worker(node, `${one}-${two}`)),
  );
  await Promise.all([faults(), ...workers]);
  return { stores, promised };
}

/** CHAOS_SEEDS=100 for a long run. */
const seeds = Array.from(
  { length: Number(process.env['CHAOS_SEEDS'] ?? 3) },
  (_, index) => index + 1,
);

test.each(seeds)(
  'whatever is lost, every write commits or none does (seed %i)',
  async (seed) => {
    const { stores, promised } = await run(seed, 3_000);
    const isSettled = () => names.every((name) => stores[name].prepared.size === 0);
    await waitUntil(isSettled, { what: 'nothing to be in doubt', timeoutMs: 10_000 });
    await waitUntil(() => [...promised.committed].every((entry) => isWhole(entry)), {
      what: 'all that was promised to be applied',
    });

    function isWhole(entry: string): boolean {
      const [row = '', both] = entry.split(' ');
      const hasOrder = stores.orders.rows.includes(row);
      return stores.stock.rows.includes(row) && hasOrder === (both === 'true');
    }
    for (const entry of promised.aborted) {
      const [row = ''] = entry.split(' ');
      const found = names.filter((name) => stores[name].rows.includes(row));
      expect(found, `aborted ${row}`).toEqual([]);
    }
    for (const name of names) {
      expect(new Set(stores[name].rows).size, 'no row twice').toBe(stores[name].rows.length);
    }
    for (const row of stores.orders.rows) expect(stores.stock.rows).toContain(row);
    // Nobody's hand was in it, so every branch must be able to tell, and all is acknowledged.
    await waitUntil(() => host.status()?.unfinished === 0, { what: 'all to be acknowledged' });
    expect(host.status()?.heuristic).toBe(0);
    expect(promised.committed.size).toBeGreaterThan(20);
    expect(promised.aborted.size).toBeGreaterThan(20);
  },
  60_000,
);

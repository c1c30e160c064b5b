import { defineResource, TransactionClient } from '@unanimous/participant-sdk';
import { postgres, type PostgresResource } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { failureOf } from './support/failure-of.ts';
import { Gate } from './support/gate.ts';
import { InProcessCoordinator } from './support/in-process-coordinator.ts';
import { PositionLock } from './support/position-lock.ts';
import { Scene } from './support/scene.ts';
import { ShopDatabases } from './support/shop-databases.ts';
import { insertOrder } from './support/shop-schema.ts';
import { StockService } from './support/stock-service.ts';
import { TcpRelay } from './support/tcp-relay.ts';

let databases: ShopDatabases;

/** How many branches each scan of a resource finds, from now on. */
function countScanned(resource: PostgresResource): number[] {
  const counts: number[] = [];
  const scan = resource.scan.bind(resource);
  resource.scan = async () => {
    const branches = await scan();
    counts.push(branches.length);
    return branches;
  };
  return counts;
}

serverOrSkip('postgres').describe('branches in doubt', () => {
  beforeAll(async () => {
    databases = await ShopDatabases.start();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  afterAll(() => databases?.[Symbol.asyncDispose]());

  test('an abort that overtakes a slow PREPARE leaves nothing prepared', async () => {
    await using scene = await Scene.open(databases, 'slow-prepare');
    await using gate = await Gate.close(databases.stockUrl);
    const options = { timeoutMs: 600 };
    const placing = scene.orders.tm.transaction(() => scene.place('slow'), options);
    expect(await failureOf(placing)).toMatchObject({
      code: 'aborted',
      reason: { code: 'timeout' },
    });
    expect(await gate.waiting()).toBe(1); // the server is still at it
    expect(await scene.prepared('orders')).toEqual([]);
    await gate.open();
    await scene.expectNothingLeft();
    expect(await scene.countOf('slow')).toBe(0);
  });

  test('a scan beside live prepares rolls none of them back', async () => {
    await using scene = await Scene.open(databases, 'scan');
    const { address } = scene.coordinator;
    await using replica = new TransactionClient({ address, scanIntervalMs: 10 });
    const resource = postgres({ rm: 'orders-db', pg, connectionString: databases.ordersUrl });
    const found = countScanned(resource);
    await replica.serve(resource);
    await using gate = await Gate.close(databases.stockUrl);
    const ids = Array.from({ length: 4 }, (_, index) => `scanned-${index}`);
    const placing = ids.map((id) => scene.orders.tm.transaction(() => scene.place(id)));
    const isScanned = async () =>
      (await gate.waiting()) === 4 && found.filter((count) => count === 4).length >= 3;
    await waitUntil(isScanned, { what: 'scans that find live branches' });
    await gate.open();
    for (const { applied } of await Promise.all(placing)) expect(applied).toBe(true);
    for (const id of ids) expect(await scene.countOf(id)).toBe(2);
    await scene.expectNothingLeft();
  });

  test('a database that is down for longer than timeout and retention still commits', async () => {
    const limits = { retainOutcomesMs: 100 };
    await using scene = await Scene.open(databases, 'down', { limits });
    const { tm } = scene.orders;
    const note = await tm.serve(defineResource<string>({ rm: 'note', apply: () => {} }));
    await using lock = await PositionLock.take(databases.ordersUrl);
    const write = async () => {
      await scene.orders.insert('down');
      await scene.orders.publish('down');
    };
    const decided = await tm.transaction(write, { wait: 'decided', timeoutMs: 1_000 });
    await databases.ordersServer.kill9();
    await lock.release();
    const other = await tm.transaction(() => note.write('meanwhile'));
    const isForgotten = async () => (await tm.outcome(other.gid)).outcome === 'expired';
    await waitUntil(isForgotten, { what: 'a later transaction to be forgotten' });
    expect(await tm.outcome(decided.gid)).toMatchObject({
      outcome: 'committed',
      applied: false,
      pending: [{ rm: 'orders-db', reason: { code: 'rm-unavailable' } }],
    });
    await databases.ordersServer.restart();
    const isWritten = async () => (await scene.countOf('down')) === 1;
    await waitUntil(isWritten, { what: 'the commit', timeoutMs: 15_000 });
    await scene.expectNothingLeft();
  });

  test('are left alone by those who serve another database of the same cluster', async () => {
    await using scene = await Scene.open(databases, 'one-cluster');
    await using others = await InProcessCoordinator.launch(databases.dir.file('other-log'));
    await using tm = new TransactionClient({ address: others.address, scanIntervalMs: 10 });
    // Another database of the cluster, and the very same one under another coordinator.
    const beside = postgres({ rm: 'beside', pg, connectionString: databases.stockUrl });
    const same = postgres({ rm: 'orders-db', pg, connectionString: databases.ordersUrl });
    const found = { beside: countScanned(beside), same: countScanned(same) };
    await Promise.all([tm.serve(beside), tm.serve(same)]);
    await using lock = await PositionLock.take(databases.ordersUrl);
    const placing = scene.orders.tm.transaction(() => scene.place('one-cluster'));
    const isScanned = () => found.same.filter((count) => count === 1).length >= 5;
    await waitUntil(isScanned, { what: 'scans that find the branch in doubt' });
    const scans = found.beside.length;
    await waitUntil(() => found.beside.length >= scans + 5, { what: 'scans beside it' });
    expect(new Set(found.beside)).toEqual(new Set([0]));
    expect(await scene.prepared('orders')).toHaveLength(1);
    await lock.release();
    expect(await placing).toMatchObject({ outcome: 'committed', applied: true });
    expect(await scene.countOf('one-cluster')).toBe(2);
    await scene.expectNothingLeft();
  });

  test('are committed although open branches hold every connection of the pool', async () => {
    await using coordinator = await InProcessCoordinator.launch(databases.dir.file('full-pool'));
    await using tm = new TransactionClient(coordinator.address);
    const { pool } = await tm.serve(
      postgres({ rm: 'orders-db', pg, connectionString: databases.ordersUrl, max: 1 }),
    );
    const note = await tm.serve(defineResource<string>({ rm: 'note', apply: () => {} }));
    await using lock = await PositionLock.take(databases.ordersUrl);
    const first = tm.transaction(async ({ gid }) => {
      await pool.query(insertOrder, ['full-1', gid, 1]);
      await note.write('two branches, so that it prepares');
    });
    const prepared = 'select from pg_prepared_xacts';
    const isPrepared = async () => (await databases.stock.query(prepared)).rowCount === 1;
    await waitUntil(isPrepared, { what: 'a branch to be prepared' });
    const second = tm.transaction(async ({ gid }) => {
      await pool.query(insertOrder, ['full-2', gid, 1]);
      await lock.release();
      expect(pool.idleCount).toBe(0);
      expect(await first).toMatchObject({ outcome: 'committed', applied: true });
    });
    expect(await second).toMatchObject({ outcome: 'committed', applied: true });
  });

  test('are finished by the next coordinator on the log, after an orderly stop', async () => {
    await using scene = await Scene.open(databases, 'restart');
    await using lock = await PositionLock.take(databases.stockUrl);
    const placing = scene.orders.tm.transaction(() => scene.place('restart'));
    const isDecided = async () => (await scene.admin.list('committing')).length === 1;
    await waitUntil(isDecided, { what: 'the decision' });
    await scene.coordinator.drain(50);
    expect(await scene.prepared('stock')).toHaveLength(1);
    await scene.coordinator.start();
    await lock.release();
    expect(await placing).toMatchObject({ outcome: 'committed', applied: true });
    expect(await scene.countOf('restart')).toBe(2);
    await scene.expectNothingLeft();
  });

  test('are committed once, by a replica or by the one that prepared and comes back', async () => {
    await using scene = await Scene.open(databases, 'both');
    const { address } = scene.coordinator;
    const { stockUrl } = databases;
    await using relay = await TcpRelay.start(address);
    await using voter = await StockService.start({ address: relay.address, stockUrl });
    using caller = voter.client();
    for (let round = 1; round <= 4; round++) {
      const id = `both-${round}`;
      await using gate = await Gate.close(stockUrl);
      let gid = '';
      const placing = scene.orders.tm.transaction(async (transaction) => {
        ({ gid } = transaction);
        await scene.orders.insert(id);
        await caller.reserve(id);
      });
      await waitUntil(async () => (await gate.waiting()) === 1, { what: 'the prepare' });
      relay.holdAnswers(); // the order to commit stays on its way
      await gate.open();
      const isDecided = async () => (await scene.orders.tm.outcome(gid)).outcome === 'committed';
      await waitUntil(isDecided, { what: 'the decision' });
      relay.cut(); // both hear of it: the replica at once, the voter as soon as it is back
      const { applied } = await placing;
      expect(applied).toBe(true);
      expect((await scene.orders.tm.outcome(gid)).heuristics).toEqual([]);
      expect(await scene.countOf(id)).toBe(2);
      const isBack = async () =>
        (await scene.admin.status()).peers.filter(({ service }) => service === 'stock').length ===
        2;
      await waitUntil(isBack, { what: 'the voter to be back' });
    }
    await scene.expectNothingLeft();
  });

  test('do not care for clocks that jump, in either direction', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await using scene = await Scene.open(databases, 'clock');
    const { tm } = scene.orders;
    const dayMs = 86_400_000;
    const gids: string[] = [];
    for (const jumpMs of [3_650 * dayMs, -7_300 * dayMs, dayMs]) {
      const id = `clock-${gids.length}`;
      await using gate = await Gate.close(databases.stockUrl);
      const placing = tm.transaction(() => scene.place(id));
      await waitUntil(async () => (await gate.waiting()) === 1, { what: 'the prepare' });
      vi.setSystemTime(Date.now() + jumpMs);
      await gate.open();
      const { gid, applied } = await placing;
      expect(applied).toBe(true);
      expect(await scene.countOf(id)).toBe(2);
      gids.push(gid);
    }
    for (const gid of gids) {
      expect(await tm.outcome(gid)).toMatchObject({ outcome: 'committed', applied: true });
    }
    await scene.expectNothingLeft();
  });
});

import { cpSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { UnanimousError } from '@unanimous/participant-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { Admin } from './support/admin.ts';
import { CoordinatorProcess, runUnanimous } from './support/coordinator-process.ts';
import { failureOf } from './support/failure-of.ts';
import { Gate } from './support/gate.ts';
import { InReverse } from './support/in-reverse.ts';
import { expectNothingLeft } from './support/nothing-left.ts';
import { OrderService } from './support/order-service.ts';
import { ShopDatabases } from './support/shop-databases.ts';
import { StockService } from './support/stock-service.ts';
import { TcpRelay } from './support/tcp-relay.ts';

let databases: ShopDatabases;

/** A coordinator process with its services, the stock's behind a network that a test can stop. */
async function openStory(name: string) {
  const parts = new InReverse();
  const dataDir = databases.dir.file(name);
  const coordinator = parts.use(await CoordinatorProcess.launch({ dataDir }));
  const { address } = coordinator;
  const relay = parts.use(await TcpRelay.start(address));
  const { ordersUrl, stockUrl } = databases;
  const queueFile = databases.dir.file(`${name}.db`);
  const client = { connectTimeoutMs: 1_000, closeTimeoutMs: 50, scanIntervalMs: 200 };
  const startOrders = () => OrderService.start({ ...client, address, ordersUrl, queueFile });
  const orders = parts.use(await startOrders());
  const stock = parts.use(
    await StockService.start({ ...client, address: relay.address, stockUrl }),
  );
  const caller = parts.use(stock.client());
  const admin = parts.use(new Admin(address));
  const place = (id: string) => async () => {
    await orders.insert(id);
    await caller.reserve(id);
  };
  const onlookers = [databases.orders, databases.stock];
  return {
    coordinator,
    relay,
    orders,
    startOrders,
    admin,
    place,
    premises: { admin, databases: onlookers, pools: [orders.pool, stock.pool] },
    [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose](),
  };
}

serverOrSkip('postgres').describe("a copy of the coordinator's log", () => {
  beforeAll(async () => {
    databases = await ShopDatabases.start();
  });
  afterAll(() => databases?.[Symbol.asyncDispose]());

  test('without its -wal file is refused, and names what is missing', async () => {
    await using story = await openStory('without-wal');
    const { coordinator, orders, place } = story;
    await orders.tm.transaction(place('without-wal'));
    await coordinator.kill9();
    const copy = databases.dir.file('copy');
    cpSync(coordinator.dataDir, copy, { recursive: true });
    const wal = readdirSync(copy).find(
      (name) => name.endsWith('.db-wal') && name !== 'lock.db-wal',
    );
    rmSync(join(copy, String(wal)));
    const serving = await runUnanimous('serve', '--data', copy, '--listen', '127.0.0.1:0');
    expect(serving).toMatchObject({ status: 5, stdout: '' });
    expect(serving.stderr).toMatch(
      /error\[log-damaged\]: records \d+ to \d+ are missing .*; the files were copied to .*copy/,
    );
    expect(serving.stderr).toContain('hint: Records are missing or changed.');
    await coordinator.start(); // the original has them
    await expectNothingLeft(story.premises);
  });

  test('that is older than what a participant has seen stops the coordinator', async () => {
    await using story = await openStory('restored');
    const { coordinator, relay, orders, admin, place } = story;
    await orders.tm.transaction(place('restored-1'));
    await coordinator.kill9();
    const backup = databases.dir.file('backup');
    cpSync(coordinator.dataDir, backup, { recursive: true });

    await coordinator.start();
    await using gate = await Gate.close(databases.stockUrl);
    const placing = orders.tm.transaction(place('restored-2'), { timeoutMs: 5_000 });
    const outcome = placing.then(
      () => 'committed',
      (error: UnanimousError) => error.code,
    );
    await waitUntil(async () => (await gate.waiting()) === 1, { what: 'the prepare' });
    relay.holdAnswers(); // the stock service will not hear of the commit
    await gate.open();
    const isHalf = async () =>
      (await admin.list('committing')).length === 1 && (await prepared()).length === 1;
    await waitUntil(isHalf, { what: 'one branch to be committed and one to be in doubt' });
    const [decided] = await admin.list('committing');
    await coordinator.kill9();
    const newest = databases.dir.file('newest');
    renameSync(coordinator.dataDir, newest);
    cpSync(backup, coordinator.dataDir, { recursive: true });
    await coordinator.start(); // on the backup, which does not know of the decision
    const hasStopped = () => coordinator.said().includes('error[log-restored]');
    await waitUntil(hasStopped, { what: 'the coordinator to stop' });
    expect(coordinator.said()).toContain(
      'hint: This log is older than what participants have seen',
    );
    expect(await failureOf(orders.tm.transaction(() => {}))).toMatchObject({
      code: expect.stringMatching(/^(log-restored|not-connected)$/),
    });
    expect(await outcome).toMatch(/^(unknown|committed)$/);
    expect(await prepared()).toHaveLength(1); // nobody was told to abort

    await coordinator.kill9();
    rmSync(coordinator.dataDir, { recursive: true });
    renameSync(newest, coordinator.dataDir);
    await coordinator.start();
    relay.cut();
    await using again = await story.startOrders(); // the refused one waits before it tries again
    await expectNothingLeft(story.premises);
    expect(await again.tm.outcome(String(decided?.gid))).toMatchObject({ outcome: 'committed' });
    const rows = "select from reservations where order_id = 'restored-2'";
    expect((await databases.stock.query(rows)).rowCount).toBe(1);
  });
});

async function prepared(): Promise<string[]> {
  const { rows } = await databases.orders.query<{ gid: string }>(
    'select gid from pg_prepared_xacts',
  );
  return rows.map(({ gid }) => gid);
}

import { cpSync, renameSync, rmSync } from 'node:fs';
import type { UnanimousError } from '@unanimous/participant-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { Admin } from '../../examples/support/admin.ts';
import { runUnanimous } from './support/coordinator-process.ts';
import { failureOf } from './support/failure-of.ts';
import { Gate } from './support/gate.ts';
import { InProcessCoordinator } from './support/in-process-coordinator.ts';
import { InReverse } from '../../examples/support/in-reverse.ts';
import { expectNothingLeft, type Premises } from './support/nothing-left.ts';
import { OrderService } from './support/order-service.ts';
import { ShopDatabases } from './support/shop-databases.ts';
import { StockService } from './support/stock-service.ts';
import { TcpRelay } from './support/tcp-relay.ts';

let databases: ShopDatabases;

interface Services extends AsyncDisposable {
  readonly orders: OrderService;
  readonly stock: StockService;
}

interface Story extends AsyncDisposable {
  readonly coordinator: InProcessCoordinator;
  /** The network between the coordinator and the stock service. */
  readonly relay: TcpRelay;
  readonly orders: OrderService;
  readonly admin: Admin;
  readonly premises: Premises;
  /** Makes a function that places an order in both databases. */
  readonly place: (id: string) => () => Promise<void>;
  /** Starts further instances of the services, without a relay. */
  readonly startServices: () => Promise<Services>;
}

async function startServices(address: string, stockAddress: string, queueFile: string) {
  const parts = new InReverse();
  const { ordersUrl, stockUrl } = databases;
  const client = { connectTimeoutMs: 1_000, closeTimeoutMs: 50, scanIntervalMs: 200 };
  const orders = await OrderService.start({ ...client, address, ordersUrl, queueFile });
  parts.use(orders);
  const stock = await StockService.start({ ...client, address: stockAddress, stockUrl });
  parts.use(stock);
  return { orders, stock, [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose]() };
}

/** A coordinator whose log a test copies about, with its services. */
async function openStory(name: string): Promise<Story> {
  const parts = new InReverse();
  const dataDir = databases.dir.file(name);
  const coordinator = parts.use(await InProcessCoordinator.launch(dataDir));
  const { address } = coordinator;
  const relay = parts.use(await TcpRelay.start(address));
  const queueFile = databases.dir.file(`${name}.db`);
  const services = parts.use(await startServices(address, relay.address, queueFile));
  const { orders, stock } = services;
  const caller = parts.use(stock.client());
  const admin = parts.use(new Admin(address));
  const onlookers = [databases.orders, databases.stock];
  return {
    coordinator,
    relay,
    orders,
    admin,
    premises: { admin, databases: onlookers, pools: [orders.pool, stock.pool] },
    place: (id) => async () => {
      await orders.insert(id);
      await caller.reserve(id);
    },
    startServices: () => startServices(address, address, queueFile),
    [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose](),
  };
}

serverOrSkip('postgres').describe("a copy of the coordinator's log", () => {
  beforeAll(async () => {
    databases = await ShopDatabases.start();
  });
  afterAll(() => databases?.[Symbol.asyncDispose]());

  test('without its -wal file is refused, and names what is missing', async () => {
    await using story = await openStory('copied');
    const { coordinator, orders, place } = story;
    await orders.tm.transaction(place('copied'));
    const copy = databases.dir.file('copy');
    // Nobody in the process that holds the lock may open its file.
    const filter = (path: string) => !/(-wal|-shm|lock\.db)$/.test(path);
    cpSync(coordinator.dataDir, copy, { recursive: true, filter });
    const serving = await runUnanimous('serve', '--data', copy, '--listen', '127.0.0.1:0');
    expect(serving).toMatchObject({ status: 5, stdout: '' });
    expect(serving.stderr).toMatch(
      /error\[log-damaged\]: records \d+ to \d+ are missing .*; the files were copied to .*copy/,
    );
    expect(serving.stderr).toContain('hint: Records are missing or changed.');
    await expectNothingLeft(story.premises);
  });

  test('that is older than what a participant has seen stops the coordinator', async () => {
    await using story = await openStory('restored');
    const { coordinator, relay, orders } = story;
    const { gid, outcome } = await storyOfABackup(story);
    await coordinator.start(); // on the backup, which does not know of the decision
    await expectStopped(coordinator, 'a participant has seen epoch 2, record ');
    expect(await failureOf(orders.tm.transaction(() => {}))).toMatchObject({
      code: expect.stringMatching(/^(log-restored|not-connected)$/),
    });
    expect(await outcome).toMatch(/^(unknown|committed)$/);
    expect(await prepared()).toHaveLength(1); // nobody was told to abort
    await putNewestBack(coordinator);
    relay.cut();
    await expectCommitted(story, gid);
  });

  test('that never gave out what a participant holds prepared stops it, too', async () => {
    await using story = await openStory('unborn');
    const { coordinator, relay, orders } = story;
    const { gid, outcome } = await storyOfABackup(story);
    await orders[Symbol.asyncDispose](); // who has seen the lost records is gone
    await coordinator.start();
    relay.cut(); // who is left has voted yes, and seen nothing
    await expectStopped(coordinator, `holds a branch of ${gid}, which was never given out here`);
    await outcome;
    expect(await prepared()).toHaveLength(1);
    await putNewestBack(coordinator);
    await expectCommitted(story, gid);
  });
});

/**
 * Decides a transaction of which one branch is committed and the other has not heard, and puts a
 * backup from before in the place of the log. The stock service hears nothing any more.
 */
async function storyOfABackup({ coordinator, relay, orders, admin, place }: Story) {
  await coordinator.stop();
  const backup = `${coordinator.dataDir}.backup`;
  cpSync(coordinator.dataDir, backup, { recursive: true });
  await coordinator.start();
  await using gate = await Gate.close(databases.stockUrl);
  const placing = orders.tm.transaction(place(coordinator.dataDir), { timeoutMs: 5_000 });
  const outcome = placing.then(
    () => 'committed',
    (error: UnanimousError) => error.code,
  );
  await waitUntil(async () => (await gate.waiting()) === 1, { what: 'the prepare' });
  relay.holdAnswers();
  await gate.open();
  const isHalf = async () =>
    (await admin.list('committing')).length === 1 && (await prepared()).length === 1;
  await waitUntil(isHalf, { what: 'one branch to be committed and one to be in doubt' });
  const [decided] = await admin.list('committing');
  await coordinator.stop();
  renameSync(coordinator.dataDir, `${coordinator.dataDir}.newest`);
  renameSync(backup, coordinator.dataDir);
  return { gid: String(decided?.gid), outcome };
}

async function expectStopped(coordinator: InProcessCoordinator, why: string): Promise<void> {
  expect(await coordinator.stopped()).toMatchObject({
    code: 'log-restored',
    message: expect.stringContaining(why),
    hint: 'This log is older than what participants have seen. Use the newest log.',
  });
}

async function putNewestBack(coordinator: InProcessCoordinator): Promise<void> {
  await coordinator.stop();
  rmSync(coordinator.dataDir, { recursive: true });
  renameSync(`${coordinator.dataDir}.newest`, coordinator.dataDir);
  await coordinator.start();
}

async function expectCommitted(story: Story, gid: string): Promise<void> {
  const { coordinator, premises } = story;
  await using services = await story.startServices(); // those that were refused wait before they come back
  await expectNothingLeft(premises);
  expect(await services.orders.tm.outcome(gid)).toMatchObject({ outcome: 'committed' });
  const rows = 'select from reservations where order_id = $1';
  const { rowCount } = await databases.stock.query(rows, [coordinator.dataDir]);
  expect(rowCount).toBe(1);
}

async function prepared(): Promise<string[]> {
  const { rows } = await databases.orders.query<{ gid: string }>(
    'select gid from pg_prepared_xacts',
  );
  return rows.map(({ gid }) => gid);
}

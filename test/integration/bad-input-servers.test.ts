import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serve } from '@unanimous/coordinator';
import { defineResource, TransactionClient } from '@unanimous/participant-sdk';
import { postgres } from '@unanimous/participant-sdk/postgres';
import Database from 'better-sqlite3';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres } from '../servers/postgres.ts';
import { serverOrSkip } from '../servers/require-server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitUntil } from '../support/wait-until.ts';
import { Admin } from '../../examples/support/admin.ts';
import { CoordinatorProcess, runUnanimous } from './support/coordinator-process.ts';
import { failureOf } from './support/failure-of.ts';
import { InProcessCoordinator } from './support/in-process-coordinator.ts';
import { expectNothingLeft } from './support/nothing-left.ts';
import { ShopDatabases } from './support/shop-databases.ts';
import { insertOrder, insertReservation } from './support/shop-schema.ts';
import { canMount, CoordinatorOnSmallDisk } from './support/small-disk.ts';

let databases: ShopDatabases;

/** Both databases of the shop behind one client, which places orders in both. */
async function serveBoth(tm: TransactionClient) {
  const orders = postgres({ rm: 'orders-db', pg, connectionString: databases.ordersUrl, max: 3 });
  const stock = postgres({ rm: 'stock-db', pg, connectionString: databases.stockUrl, max: 3 });
  await Promise.all([tm.serve(orders), tm.serve(stock)]);
  return {
    pools: [orders.pool, stock.pool],
    insert: async (id: string, gid: string): Promise<void> => {
      await orders.pool.query(insertOrder, [id, gid, 1]);
      await stock.pool.query(insertReservation, [id, gid, 1]);
    },
  };
}

/** The ids in both databases, sorted. */
async function idsInBoth(): Promise<[string[], string[]]> {
  const orders = await databases.orders.query('select id from orders order by id');
  const stock = await databases.stock.query('select order_id as id from reservations order by id');
  const ids = (rows: unknown[]) => rows.map((row) => (row as { id: string }).id);
  return [ids(orders.rows), ids(stock.rows)];
}

/** The content of all files in a folder. */
function contentOf(dir: string): Map<string, string> {
  const names = readdirSync(dir).filter((name) => name !== 'quarantine');
  return new Map(names.map((name) => [name, readFileSync(join(dir, name), 'base64')]));
}

serverOrSkip('postgres').describe('Postgres servers that cannot prepare:', () => {
  beforeAll(async () => {
    databases = await ShopDatabases.start({ maxPreparedTransactions: 2 });
  });
  afterAll(() => databases?.[Symbol.asyncDispose]());

  test('max_prepared_transactions is 0', async () => {
    await using server = await startPostgres({ maxPreparedTransactions: 0 });
    await using tm = await TransactionClient.embedded({ data: databases.dir.file('disabled') });
    const serving = tm.serve(postgres({ rm: 'orders-db', pg, connectionString: server.url() }));
    expect(await failureOf(serving)).toMatchObject({
      code: 'prepared-disabled',
      message: 'orders-db: the server has max_prepared_transactions = 0',
      hint: 'ALTER SYSTEM SET max_prepared_transactions = 200; then restart Postgres.',
    });
    const client = new pg.Client({ connectionString: server.url(), application_name: 'onlooker' });
    await client.connect();
    const others = `select from pg_stat_activity
      where backend_type = 'client backend' and application_name <> 'onlooker'`;
    await waitUntil(async () => (await client.query(others)).rowCount === 0, {
      what: 'all connections to be closed',
    });
    await client.end();
  });

  test('all prepared slots are taken; another try finds one', async () => {
    await using coordinator = await InProcessCoordinator.launch(databases.dir.file('slots'));
    await using tm = new TransactionClient(coordinator.address);
    using admin = new Admin(coordinator.address);
    const { pools, insert } = await serveBoth(tm);
    for (const name of ['taken-1', 'taken-2']) {
      await databases.orders.query(`begin; prepare transaction '${name}'`);
    }
    const error = await failureOf(tm.transaction(({ gid }) => insert('slotless', gid)));
    expect(error).toMatchObject({
      code: 'aborted',
      message: expect.stringContaining('maximum number of prepared transactions reached'),
      reason: { code: 'no-prepared-slot', rm: expect.stringMatching(/^(orders|stock)-db$/) },
      retryable: true,
      hint: 'Raise max_prepared_transactions, or let fewer run at once.',
    });
    expect(await idsInBoth()).toEqual([[], []]);
    let attempts = 0;
    const placing = tm.transaction(
      async ({ gid }) => {
        attempts += 1;
        if (attempts === 2) {
          for (const name of ['taken-1', 'taken-2']) {
            await databases.orders.query(`rollback prepared '${name}'`);
          }
        }
        await insert('patient', gid);
      },
      { retry: 3 },
    );
    expect(await placing).toMatchObject({ outcome: 'committed', applied: true });
    expect([attempts, await idsInBoth()]).toEqual([2, [['patient'], ['patient']]]);
    const onlookers = [databases.orders, databases.stock];
    await expectNothingLeft({ admin, databases: onlookers, pools });
  });

  const mountable = canMount();
  const title = mountable ? '' : ' [command absent: unshare with mount]';
  test.skipIf(!mountable)(
    `the coordinator's disk is full: unknown, and it stops; with room again all is as decided${title}`,
    { timeout: 60_000 },
    async () => {
      await using coordinator = await CoordinatorOnSmallDisk.start(databases.dir.file('disk'));
      const { address } = coordinator;
      const impatient = { timeoutMs: 1_000, waitAppliedMs: 0, connectTimeoutMs: 500 };
      await using tm = new TransactionClient({ address, ...impatient });
      const { pools, insert } = await serveBoth(tm);
      // Makes the decision so large that there is no room for it, though for all smaller records.
      const notes = await tm.serve(defineResource<string>({ rm: 'notes', apply() {} }));
      coordinator.fill(65_536);
      const placing = tm.transaction(async ({ gid }) => {
        await insert('full', gid);
        await notes.write('x'.repeat(200_000));
      });
      const error = await failureOf(placing);
      expect(error).toMatchObject({
        code: 'unknown',
        gid: expect.any(String),
        message: expect.stringMatching(/^the outcome of .* is not known: /),
        hint: 'The decision was asked for but not heard. Ask again with outcome(gid).',
      });
      expect(await coordinator.stopped()).toBe(6);
      expect(coordinator.said).toMatch(/error\[log-failed\]: .*SQLITE_FULL/);
      expect(coordinator.said).toContain('hint: The decision could not be made durable. Mend the');
      expect(await failureOf(tm.transaction(() => {}))).toMatchObject({ code: 'not-connected' });

      coordinator.clear();
      await coordinator.start();
      using admin = new Admin(address);
      const onlookers = [databases.orders, databases.stock];
      await expectNothingLeft({ admin, databases: onlookers, pools });
      const { outcome } = await tm.outcome(String(error.gid));
      expect(outcome).toMatch(/^(committed|aborted)$/);
      const [orders, stock] = await idsInBoth();
      expect(orders).toEqual(stock);
      expect(orders.includes('full')).toBe(outcome === 'committed');
    },
  );
});

test('a resource manager that owes more than its bound takes nothing new until it has caught up', async () => {
  using dir = tempDir();
  const limits = { maxUnappliedBytes: 1_000 };
  await using coordinator = await InProcessCoordinator.launch(dir.file('log'), limits);
  await using tm = new TransactionClient(coordinator.address);
  const applied: string[] = [];
  let letApply: () => void = () => {};
  const mayApply = new Promise<void>((resolve) => {
    letApply = resolve;
  });
  const slow = await tm.serve(
    defineResource<string>({
      rm: 'slow',
      apply: (effect) => mayApply.then(() => void applied.push(effect)),
    }),
  );
  const large = 'x'.repeat(1_500);
  const first = await tm.transaction(() => slow.write(large), { wait: 'decided' });
  expect(first).toMatchObject({ outcome: 'committed', applied: false });
  expect(await failureOf(tm.transaction(() => slow.write('more')))).toMatchObject({
    code: 'overloaded',
    message: 'rm: slow has too much that is decided and not applied',
    hint: 'The coordinator is at its limit. Try again after the given time.',
    rm: 'slow',
    retryAfterMs: 1_000,
    retryable: true,
  });
  const patient = tm.transaction(() => slow.write('more'), { retry: 10 });
  letApply();
  expect(await patient).toMatchObject({ outcome: 'committed', applied: true });
  expect(applied).toEqual([large, 'more']);
});

describe('a folder of the log', () => {
  test('of a newer version is refused, and stays as it is', async () => {
    using dir = tempDir();
    const data = dir.file('log');
    await (await serve({ dataDir: data, listen: '127.0.0.1:0' })).close();
    const name = readdirSync(data).find((each) => each.startsWith('decisions-')) ?? '';
    const database = new Database(join(data, name));
    database.pragma('user_version = 99');
    database.pragma('journal_mode = delete');
    database.close();
    const before = contentOf(data);
    const { status, stdout, stderr } = await runUnanimous(
      ...['serve', '--data', data, '--listen', '127.0.0.1:0'],
    );
    expect([status, stdout]).toEqual([5, '']);
    expect(stderr).toMatch(/^error\[log-newer\]: .*99/m);
    expect(stderr).toContain('hint: The log was written by a newer version. Run that version');
    expect(await failureOf(TransactionClient.embedded({ data }))).toMatchObject({
      code: 'log-newer',
      message: expect.stringContaining('99'),
      hint: 'The log was written by a newer version. Run that version or a later one.',
    });
    expect(contentOf(data)).toEqual(before);
  });

  test('has one coordinator; a second one is refused, and the first goes on', async () => {
    using dir = tempDir();
    await using coordinator = await CoordinatorProcess.launch({ dataDir: dir.file('log') });
    const { address, dataDir: data } = coordinator;
    const { status, stdout, stderr } = await runUnanimous(
      ...['serve', '--data', data, '--listen', '127.0.0.1:0'],
    );
    expect([status, stdout]).toEqual([5, '']);
    expect(stderr).toContain(`error[log-locked]: another coordinator holds ${data}`);
    expect(stderr).toContain('hint: Another coordinator runs on this folder. Stop it, or use');
    expect(await failureOf(TransactionClient.embedded({ data }))).toMatchObject({
      code: 'log-locked',
      message: `another coordinator holds ${data}`,
      hint: 'Another coordinator runs on this folder. Stop it, or use another folder.',
    });
    await using tm = new TransactionClient(address);
    const applied: string[] = [];
    const list = await tm.serve(
      defineResource<string>({ rm: 'list', apply: (effect) => void applied.push(effect) }),
    );
    await tm.transaction(() => list.write('still here'));
    expect(applied).toEqual(['still here']);
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { runUnanimous } from './support/coordinator-process.ts';
import { failureOf } from './support/failure-of.ts';
import { Gate } from './support/gate.ts';
import { OrderService } from './support/order-service.ts';
import { PositionLock } from './support/position-lock.ts';
import { Scene } from './support/scene.ts';
import { ShopDatabases } from './support/shop-databases.ts';

let databases: ShopDatabases;

/** Waits until a transaction is in a state; answers its gid. */
async function untilIn(scene: Scene, state: string): Promise<string> {
  const found = await waitUntil(async () => (await scene.admin.list(state))[0], {
    what: `a transaction to be ${state}`,
  });
  return found.gid;
}

serverOrSkip('postgres').describe('a prepared branch that somebody finishes by hand', () => {
  beforeAll(async () => {
    databases = await ShopDatabases.start();
  });
  afterAll(() => databases?.[Symbol.asyncDispose]());

  test('rolled back against the decision: reported until an operator resolves it', async () => {
    await using scene = await Scene.open(databases, 'rolled-back');
    const { admin, coordinator, orders } = scene;
    const address = ['--address', coordinator.address];
    await using lock = await PositionLock.take(databases.stockUrl);
    const failure = failureOf(orders.tm.transaction(() => scene.place('rolled-back')));
    const gid = await untilIn(scene, 'committing');
    const [branch] = await scene.prepared('stock');
    await databases.stock.query(`rollback prepared '${branch}'`);
    await lock.release();

    expect(await failure).toMatchObject({
      code: 'heuristic',
      gid,
      rm: 'stock-db',
      message: expect.stringContaining('was commit, but not every branch followed (stock-db: rol'),
      reason: { message: 'stock-db: somebody rolled back the prepared branch by hand' },
      hint: expect.stringContaining('unanimous show GID'),
      retryable: false,
    });
    const heuristics = [{ rm: 'stock-db', result: 'rolled-back' }];
    expect(await orders.tm.outcome(gid)).toMatchObject({ outcome: 'committed', heuristics });
    const listed = await runUnanimous('list', ...address);
    expect(listed).toMatchObject({ status: 3, stdout: expect.stringContaining('heuristic') });
    expect(listed.stdout).toContain(`${gid}  heuristic`);
    const shown = await runUnanimous('show', gid, ...address);
    expect(shown.stdout).toContain('stock-db: somebody rolled back the prepared branch by hand');
    expect(shown.stdout).toContain(
      `unanimous resolve ${gid} --branch N --as committed|rolled-back`,
    );

    const { branches } = await admin.show(gid);
    const number = branches.find(({ rm }) => rm === 'stock-db')?.branch;
    const because = ['--as', 'rolled-back', '--reason', 'reserved it again', '--operator', 'ada'];
    await runUnanimous('resolve', gid, '--branch', String(number), ...because, ...address);
    expect(await runUnanimous('list', ...address)).toMatchObject({ status: 0 });
    const { stdout } = await runUnanimous('show', gid, ...address);
    expect(stdout).toContain('by ada: reserved it again');
    await scene.expectNothingLeft();
  });

  test('committed, as was decided: just committed', async () => {
    await using scene = await Scene.open(databases, 'committed');
    await using lock = await PositionLock.take(databases.stockUrl);
    const placing = scene.orders.tm.transaction(() => scene.place('committed'));
    await untilIn(scene, 'committing');
    const [branch] = await scene.prepared('stock');
    await databases.stock.query(`commit prepared '${branch}'`);
    await lock.release();
    expect(await placing).toMatchObject({ outcome: 'committed', applied: true });
    expect(await scene.countOf('committed')).toBe(2);
    await scene.expectNothingLeft();
  });

  test('committed, and then the decision is to abort: reported, never assumed', async () => {
    await using scene = await Scene.open(databases, 'too-soon');
    const { admin, orders } = scene;
    await using gate = await Gate.close(databases.stockUrl);
    const options = { timeoutMs: 1_500 };
    const failure = failureOf(orders.tm.transaction(() => scene.place('too-soon'), options));
    const isPrepared = async () => (await scene.prepared('orders')).length === 1;
    await waitUntil(isPrepared, { what: 'the branch to be prepared' });
    const [branch] = await scene.prepared('orders');
    await databases.orders.query(`commit prepared '${branch}'`);
    const error = await failure;
    expect(error).toMatchObject({ code: 'aborted', reason: { code: 'timeout' } });
    await gate.open();
    expect(await untilIn(scene, 'heuristic')).toBe(error.gid);
    expect(await orders.tm.outcome(String(error.gid))).toMatchObject({
      outcome: 'aborted',
      heuristics: [{ rm: 'orders-db', result: 'committed' }],
    });
    expect(await scene.countOf('too-soon')).toBe(1);
    const word = { operator: 'ada', reason: 'deleted the order' };
    const resolution = 'RESOLVED_ROLLED_BACK';
    await admin.resolve({ gid: String(error.gid), branch: 1, resolution, ...word });
    await scene.expectNothingLeft();
  });

  test('committed while coordinator and service are dead: its entry in the audit tells', async () => {
    await using scene = await Scene.open(databases, 'all-dead');
    const { admin, coordinator, orders } = scene;
    await using gate = await Gate.close(databases.stockUrl);
    const failure = failureOf(orders.tm.transaction(() => scene.place('all-dead')));
    const isPrepared = async () => (await scene.prepared('orders')).length === 1;
    await waitUntil(isPrepared, { what: 'the branch to be prepared' });
    await coordinator.stop();
    await orders.tm.close();
    await failure;
    await gate.open();
    // As the operations page says: the entry first, then the act.
    const [name = ''] = await scene.prepared('orders');
    await databases.orders.query(
      `insert into unanimous_audit (gid, branch, rm, result, reason)
       select p[1], p[2]::integer, p[3], 'committed', 'INC-9, ada'
       from regexp_match($1, '^un1\\.([^.]+)\\.(\\d+)\\.[^.]+\\.(.+)$') as p`,
      [name],
    );
    await databases.orders.query(`commit prepared '${name}'`);

    await coordinator.start();
    const { ordersUrl, dir } = databases;
    const { address } = coordinator;
    const queueFile = dir.file('all-dead.db');
    const again = { address, ordersUrl, queueFile, scanIntervalMs: 200 };
    await using successor = await OrderService.start(again);
    const gid = await untilIn(scene, 'heuristic');
    expect(await successor.tm.outcome(gid)).toMatchObject({
      outcome: 'aborted',
      heuristics: [{ rm: 'orders-db', result: 'committed' }],
    });
    const shown = await runUnanimous('show', gid, '--address', address);
    expect(shown.stdout).toContain('orders-db: committed by hand: INC-9, ada');
    const word = { operator: 'ada', reason: 'deleted the order' };
    await admin.resolve({ gid, branch: 1, resolution: 'RESOLVED_ROLLED_BACK', ...word });
    const sql = 'select result, reason from unanimous_audit where gid = $1 order by at';
    const entries = async () => (await databases.orders.query(sql, [gid])).rows;
    await waitUntil(async () => (await entries()).length === 2, { what: 'the word to be written' });
    expect(await entries()).toEqual([
      { result: 'committed', reason: 'INC-9, ada' },
      { result: 'rolled-back', reason: 'resolved by ada: deleted the order' },
    ]);
    expect(await admin.list('heuristic')).toEqual([]);
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { expectAgreement } from './support/audit.ts';
import { runUnanimous } from './support/coordinator-process.ts';
import { Fleet, gidsOf } from './support/fleet.ts';
import { Gate } from './support/gate.ts';
import { PositionLock } from './support/position-lock.ts';

let fleet: Fleet;

serverOrSkip('postgres').describe('a coordinator that is killed', () => {
  beforeAll(async () => {
    fleet = await Fleet.start();
  });

  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test('before the decision: what was prepared is aborted', async () => {
    const { coordinator, databases, admin } = fleet;
    await fleet.untilPlaced(10);
    await using gate = await Gate.close(databases.stockUrl);
    await fleet.untilAllAt(gate);
    const inDoubt = gidsOf(await fleet.prepared(databases.orders));
    await coordinator.kill9();
    await gate.open();
    await coordinator.start();
    await fleet.untilPlaced(10);
    for (const gid of inDoubt) expect(await admin.show(gid)).toMatchObject({ state: 'aborted' });
  });

  test('between the decision and its commits: what was decided is committed', async () => {
    const { coordinator, databases } = fleet;
    await coordinator.kill9();
    await using lock = await PositionLock.take(databases.ordersUrl);
    await coordinator.start(); // a new epoch, whose first commit waits for the lock
    const decided = await fleet.untilDecided(databases.orders, 3);
    await coordinator.kill9();
    const inDoubt = gidsOf(await fleet.prepared(databases.orders));
    expect(inDoubt).toEqual(expect.arrayContaining(decided));
    await lock.release();
    await coordinator.start();
    await fleet.untilPlaced(10);
    await fleet.untilCommitted(decided);
  });

  test('frozen, it keeps its log against a second one, and goes on when it wakes', async () => {
    const { coordinator, databases } = fleet;
    await fleet.untilPrepared(databases.stock);
    coordinator.freeze();
    const { status, stderr } = await runUnanimous(
      ...['serve', '--data', coordinator.dataDir, '--listen', '127.0.0.1:0'],
    );
    expect([status, stderr]).toEqual([5, expect.stringContaining('error[log-locked]')]);
    coordinator.wake();
    await fleet.untilPlaced(10);
  });

  test('loses nothing, doubles nothing and leaves nothing prepared', async () => {
    await expectAgreement(fleet, 25);
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { expectAgreement } from './support/audit.ts';
import { runUnanimous } from './support/coordinator-process.ts';
import { Fleet, gidsOf } from './support/fleet.ts';
import { Gate } from './support/gate.ts';
import { PositionLock } from './support/position-lock.ts';

let fleet: Fleet;

serverOrSkip('postgres').describe('a process that is stopped and wakes', () => {
  beforeAll(async () => {
    fleet = await Fleet.start({ timeoutMs: 2_000 });
  });

  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test('a participant, after the deadline of what it prepares: rolls back', async () => {
    const { databases, stock, admin } = fleet;
    await fleet.untilPlaced(10);
    await using gate = await Gate.close(databases.stockUrl);
    await fleet.untilAllAt(gate);
    const undecided = gidsOf(await fleet.prepared(databases.orders));
    stock.freeze();
    await gate.open(); // its server prepares, but it cannot say so
    await fleet.untilPrepared(databases.stock, undecided.length);
    const areOver = async () => (await fleet.prepared(databases.orders)).length === 0;
    await waitUntil(areOver, { what: 'the deadline to abort what others hold' });
    for (const gid of undecided) {
      expect(await admin.show(gid)).toMatchObject({
        state: 'aborted',
        reason: { code: 'timeout' },
      });
    }
    stock.wake();
    await fleet.untilPlaced(10);
  });

  test('a participant, after the decision: commits', async () => {
    const { coordinator, databases, stock } = fleet;
    await coordinator.kill9();
    await using lock = await PositionLock.take(databases.stockUrl);
    await coordinator.start(); // a new epoch, whose first commit waits for the lock
    const decided = await fleet.untilDecided(databases.stock, 3);
    stock.freeze();
    await lock.release();
    const refused = fleet.customers.count('refused');
    const havePassed = () => fleet.customers.count('refused') >= refused + 6;
    await waitUntil(havePassed, { what: 'deadlines to pass', timeoutMs: 20_000 });
    expect(gidsOf(await fleet.prepared(databases.stock))).toEqual(expect.arrayContaining(decided));
    stock.wake();
    await fleet.untilPlaced(10);
    await fleet.untilCommitted(decided);
  });

  test('the coordinator: keeps its log against a second one, and goes on', async () => {
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
    await expectAgreement(fleet, 40);
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { expectAgreement } from './support/audit.ts';
import { Fleet, gidsOf } from './support/fleet.ts';
import { Gate } from './support/gate.ts';
import { PositionLock } from './support/position-lock.ts';

let fleet: Fleet;

serverOrSkip('postgres').describe('a called participant that is killed', () => {
  beforeAll(async () => {
    fleet = await Fleet.start({ timeoutMs: 2_500 });
  });

  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test('between its prepare and its vote: aborted, and the orphan is rolled back', async () => {
    const { databases, stock, admin } = fleet;
    await fleet.untilPlaced(10);
    await using gate = await Gate.close(databases.stockUrl);
    await fleet.untilAllAt(gate);
    const undecided = gidsOf(await fleet.prepared(databases.orders));
    await stock.kill9();
    await gate.open(); // the server goes on to prepare, and nobody is left to say so
    await fleet.untilPrepared(databases.stock, undecided.length);
    expect(gidsOf(await fleet.prepared(databases.stock)).toSorted()).toEqual(undecided.toSorted());
    await stock.start();
    await fleet.untilPlaced(10);
    for (const gid of undecided) {
      expect(await admin.show(gid)).toMatchObject({
        state: 'aborted',
        reason: { code: 'session-lost', rm: 'stock-db' },
      });
    }
  });

  test('between its vote and its commit: committed by whoever serves it next', async () => {
    const { coordinator, databases, stock } = fleet;
    await coordinator.kill9();
    await using lock = await PositionLock.take(databases.stockUrl);
    await coordinator.start(); // a new epoch, whose first commit waits for the lock
    const decided = await fleet.untilDecided(databases.stock, 3);
    await stock.kill9();
    await lock.release();
    await stock.start();
    await fleet.untilPlaced(10);
    await fleet.untilCommitted(decided);
  });

  test('frozen while it prepares, it wakes after the deadline and rolls back', async () => {
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

  test('frozen after its vote, it wakes long after the decision and commits', async () => {
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

  test('loses nothing, doubles nothing and leaves nothing prepared', async () => {
    await expectAgreement(fleet, 25);
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { expectAgreement } from './support/audit.ts';
import { Fleet, gidsOf } from './support/fleet.ts';
import { Gate } from './support/gate.ts';

let fleet: Fleet;

serverOrSkip('postgres').describe('a process that begins transactions and is killed', () => {
  beforeAll(async () => {
    fleet = await Fleet.start();
  });

  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test('before its commit: aborted at once, in the services that it called too', async () => {
    const { databases, orders, admin } = fleet;
    await fleet.untilPlaced(10);
    const blocker = await databases.stock.connect();
    await blocker.query('begin; lock table reservations in exclusive mode');
    const working = `select from pg_locks where not granted and relation = 'reservations'::regclass`;
    const areWorking = async () => (await databases.stock.query(working)).rowCount === 6;
    await waitUntil(areWorking, { what: 'the called service to work', timeoutMs: 20_000 });
    const open = await admin.list('active');
    await orders.kill9();
    const areGone = async () => (await databases.stock.query(working)).rowCount === 0;
    await waitUntil(areGone, { what: 'the work of the called service to be cancelled' });
    await blocker.query('rollback');
    blocker.release();
    expect(open.length).toBeGreaterThan(0);
    for (const { gid } of open) {
      expect(await admin.show(gid)).toMatchObject({
        state: 'aborted',
        reason: { code: 'session-lost', message: 'the process that began it was lost' },
      });
    }
    await orders.start();
    await fleet.untilPlaced(10);
  });

  test('after all prepares, before the decision: decided without it', async () => {
    const { databases, orders } = fleet;
    await using gate = await Gate.close(databases.stockUrl);
    await fleet.untilAllAt(gate);
    const undecided = gidsOf(await fleet.prepared(databases.orders));
    await orders.kill9();
    await gate.open();
    const decided = await fleet.untilDecided(databases.orders, undecided.length);
    expect(decided.toSorted()).toEqual(undecided.toSorted());
    // The orders' database stays prepared until somebody serves it again.
    expect(gidsOf(await fleet.prepared(databases.orders)).toSorted()).toEqual(undecided.toSorted());
    await orders.start();
    await fleet.untilPlaced(10);
    await fleet.untilCommitted(undecided);
  });

  test('loses nothing, doubles nothing and leaves nothing prepared', async () => {
    await expectAgreement(fleet, 25);
  });
});

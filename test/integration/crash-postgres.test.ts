import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { expectAgreement } from './support/audit.ts';
import { Fleet, gidsOf } from './support/fleet.ts';
import { Gate } from './support/gate.ts';
import { PositionLock } from './support/position-lock.ts';

let fleet: Fleet;

serverOrSkip('postgres').describe('a Postgres server that is killed', () => {
  beforeAll(async () => {
    fleet = await Fleet.start({ apart: true });
  });

  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test('while it prepares: aborted everywhere', async () => {
    const { databases, admin } = fleet;
    await fleet.untilPlaced(10);
    await using gate = await Gate.close(databases.stockUrl);
    await fleet.untilAllAt(gate);
    const undecided = gidsOf(await fleet.prepared(databases.orders));
    await databases.stockServer.kill9();
    await databases.stockServer.restart();
    await fleet.untilPlaced(10);
    for (const gid of undecided) {
      expect(await admin.show(gid)).toMatchObject({
        state: 'aborted',
        reason: { code: 'rm-unavailable', rm: 'stock-db' },
      });
    }
  });

  test('when it is prepared and decided: committed as soon as it is back', async () => {
    const { coordinator, databases } = fleet;
    await coordinator.kill9();
    const lock = await PositionLock.take(databases.stockUrl);
    await coordinator.start(); // a new epoch, whose first commit waits for the lock
    const decided = await fleet.untilDecided(databases.stock, 3);
    await databases.stockServer.kill9();
    await databases.stockServer.restart();
    await lock.release(); // it went with the server
    await fleet.untilPlaced(10);
    await fleet.untilCommitted(decided);
  });

  test('loses nothing, doubles nothing and leaves nothing prepared', async () => {
    await expectAgreement(fleet, 25);
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { expectAgreement } from './support/audit.ts';
import { Fleet } from './support/fleet.ts';
import { topic } from './support/shop-schema.ts';

let fleet: Fleet;

serverOrSkip('postgres').describe('a consumer of the queue that is killed', () => {
  beforeAll(async () => {
    fleet = await Fleet.start();
  });

  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test('while it holds messages: they come again, and orders go on meanwhile', async () => {
    const { queue, delivery } = fleet;
    for (let round = 0; round < 2; round++) {
      const isHolding = async () =>
        (await queue.stats()).some((one) => one.topic === topic && one.leased > 0);
      await waitUntil(isHolding, { what: 'a message in work', intervalMs: 0, timeoutMs: 20_000 });
      await delivery.kill9();
      await fleet.untilPlaced(10);
      const isWaiting = (await queue.stats()).some((one) => one.ready > 0);
      expect(isWaiting).toBe(true);
      await delivery.start();
    }
  });

  test('loses no event: each order is delivered', async () => {
    await expectAgreement(fleet, 30);
    expect(await fleet.queue.deadLetters({ topic })).toEqual([]);
  });
});

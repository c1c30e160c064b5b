import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../support/wait-until.ts';
import { PayFleet } from './support/pay-fleet.ts';

// A payment provider that knows nothing of transactions, behind a reservation. Whoever is killed, and
// whenever: a committed order has exactly one confirmed payment, an aborted one none.

const isFull = process.env.UNANIMOUS_CRASH === 'all';

/** Where a process is killed, and what must be found. */
interface KillRow {
  readonly role: 'shop' | 'coordinator';
  readonly point: string;
  readonly about?: string;
  readonly how?: 'pay' | 'throw';
  readonly fate: 'committed' | 'aborted';
  readonly quick?: boolean;
}

const kills: readonly KillRow[] = [
  { role: 'shop', point: 'p.enlist.acknowledged', about: 'payments', fate: 'aborted' },
  { role: 'shop', point: 'p.enlist.acknowledged', about: 'events', fate: 'aborted' },
  { role: 'shop', point: 'k.commit.before-send', fate: 'aborted' },
  { role: 'shop', point: 'p.prepare.before', about: 'payments', fate: 'aborted' },
  { role: 'shop', point: 'p.prepare.before-vote', about: 'payments', fate: 'aborted' },
  { role: 'shop', point: 'p.finish.before', about: 'payments', fate: 'committed', quick: true },
  { role: 'shop', point: 'p.finish.before-ack', about: 'payments', fate: 'committed' },
  { role: 'shop', point: 'p.ack.sent', fate: 'committed' },
  { role: 'coordinator', point: 'c.prepare.sent', fate: 'aborted' },
  { role: 'coordinator', point: 'c.votes.all-in', fate: 'aborted' },
  { role: 'coordinator', point: 'c.decided.before-tell', fate: 'committed', quick: true },
  { role: 'coordinator', point: 'c.commit.sent', fate: 'committed' },
  { role: 'coordinator', point: 'c.ack.received', fate: 'committed' },
  { role: 'coordinator', point: 'c.abort.sent', how: 'throw', fate: 'aborted' },
];

/** What goes wrong at the provider, and what must be found. */
interface FaultRow {
  readonly act: 'try' | 'confirm' | 'cancel';
  readonly is: 'lost' | 'slow' | '500' | 'die-before' | 'die-after';
  readonly quick?: boolean;
}

const acts = ['try', 'confirm', 'cancel'] as const;
const faults: readonly FaultRow[] = acts.flatMap((act) =>
  (['lost', 'slow', '500', 'die-before', 'die-after'] as const).map((is) => ({
    act,
    is,
    quick: (act === 'try' && is === 'die-after') || (act !== 'try' && is === 'lost'),
  })),
);

const quickOr = (row: { readonly quick?: boolean }) => isFull || row.quick === true;

let fleet: PayFleet;
let isWarm = false;

beforeAll(async () => {
  fleet = await PayFleet.start();
}, 60_000);

afterAll(() => fleet?.[Symbol.asyncDispose]());

/** Both places, when all is at rest, tell the same. */
async function expectFate(order: string, fate: 'committed' | 'aborted'): Promise<void> {
  await fleet.untilAtRest();
  const isCommitted = fate === 'committed';
  if (!isCommitted) await fleet.letLapse();
  const { isPublished, payments } = await fleet.look(order);
  expect(isPublished).toBe(isCommitted);
  const taken = payments.filter((state) => state === 'held' || state === 'confirmed');
  expect(taken).toEqual(isCommitted ? ['confirmed'] : []);
}

async function warmUp(): Promise<void> {
  if (isWarm) return;
  isWarm = true;
  expect(await fleet.place('warm', 'pay')).toMatch(/^committed .* applied$/);
  await expectFate('warm', 'committed');
}

describe('an order that is paid at a provider', () => {
  test('is paid and published, or neither, and a refusal can be dealt with', async () => {
    await warmUp();
    expect(await fleet.place('thrown', 'throw')).toMatch(/^aborted .*changed his mind/);
    const isCancelled = async () => (await fleet.look('thrown')).payments[0] === 'cancelled';
    await waitUntil(isCancelled, { what: 'the payment to be cancelled before it lapses' });
    expect(await fleet.place('dear', 'pay', { cents: 200_000 })).toMatch(
      /prepare-refused: .*over the limit/,
    );
    expect(await fleet.place('gone-on', 'decline-and-go-on', { cents: 200_000 })).toMatch(
      /^committed/,
    );
    expect(await fleet.look('gone-on')).toEqual({ isPublished: true, payments: [] });
  });

  test.each(kills.filter(quickOr))(
    'the $role is killed at $point: $fate',
    async ({ role, point, about, how = 'pay', fate }) => {
      await warmUp();
      const order = randomUUID();
      fleet.failpoints[role].arm({ name: point, about, action: 'kill' });
      const told = fleet.place(order, how);
      await fleet.failpoints[role].untilFired(point);
      fleet.failpoints[role].disarm();
      await fleet.processes[role].kill9(); // waits until it is gone
      await fleet.processes[role].start();
      await expectFate(order, fate);
      const contrary = fate === 'committed' ? /^aborted/ : /^committed/;
      expect(await told).not.toMatch(contrary);
    },
    60_000,
  );

  test.each(faults.filter(quickOr))(
    'the provider fails at $act: $is',
    async ({ act, is }) => {
      await warmUp();
      const order = randomUUID();
      await fleet.fault({ act, is, times: 1 });
      const told = fleet.place(order, act === 'cancel' ? 'throw' : 'pay');
      if (is.startsWith('die')) {
        await waitUntil(async () => !(await isUp()), { what: 'the provider to die' });
        await fleet.processes.payments.kill9();
        await fleet.processes.payments.start();
      }
      expect(await told).toMatch(act === 'confirm' ? /^committed/ : /^aborted/);
      if (act !== 'confirm') await expectCancelled(order);
      await expectFate(order, act === 'confirm' ? 'committed' : 'aborted');
    },
    60_000,
  );

  test.each([
    ['payments', 'held', 'lapses'],
    ['listed', 'cancelled', 'is found by a scan and cancelled'],
  ])(
    'the shop is killed while it waits for the provider: from %s, it is %s: what was reserved %s',
    async (via, state) => {
      await warmUp();
      const order = randomUUID();
      await fleet.fault({ act: 'try', is: 'slow', times: 1 });
      const told = fleet.place(order, 'pay', { via });
      const isIn = (wanted: string) => async () => (await fleet.look(order)).payments[0] === wanted;
      await waitUntil(isIn('held'), { what: 'the payment to be held' });
      await fleet.processes.shop.kill9();
      await fleet.processes.shop.start();
      expect(await told).toBe('nothing');
      await waitUntil(isIn(state), { what: `the payment to be ${state}`, timeoutMs: 10_000 });
      await expectFate(order, 'aborted');
    },
    60_000,
  );

  test('keys tell repeats from others: one for each act and reservation', async () => {
    const calls = await fleet.calls();
    const keys = new Map(calls.map(({ act, key }) => [key, act]));
    for (const [key, act] of keys) {
      // A lost answer is asked for again under the key of the try, to be cancelled.
      expect(key).toMatch(new RegExp(`^[0-9a-f]{12}-\\d+-\\d+/\\d+/0/${act}$`));
    }
    expect(calls.length).toBeGreaterThan(keys.size);
  });
});

const isUp = () =>
  fleet.calls().then(
    () => true,
    () => false,
  );

/** The process that heard the abort cancels what it knows of, before it lapses. */
async function expectCancelled(order: string): Promise<void> {
  const isLeft = async () => {
    const states = (await fleet.look(order)).payments;
    return states.length > 0 && states.every((state) => state === 'cancelled');
  };
  await waitUntil(isLeft, { what: 'the payment to be cancelled', timeoutMs: 10_000 });
}

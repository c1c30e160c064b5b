import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../support/wait-until.ts';
import { PayFleet } from './support/pay-fleet.ts';

// A provider whose transfers are final, asked last. Whoever is killed, and whenever: a committed order
// is transferred once, an aborted one never.

const isFull = process.env.UNANIMOUS_CRASH === 'all';

/** Where a process is killed, and what must be found. */
interface KillRow {
  readonly role: 'shop' | 'coordinator';
  readonly point: string;
  readonly about?: string;
  readonly fate: 'committed' | 'aborted';
  readonly quick?: boolean;
}

const kills: readonly KillRow[] = [
  { role: 'shop', point: 'p.prepare.before', about: 'transfers', fate: 'aborted' },
  { role: 'shop', point: 'p.prepare.before-vote', about: 'transfers', fate: 'aborted' },
  { role: 'shop', point: 'p.prepare.before-vote', about: 'events', fate: 'aborted' },
  { role: 'shop', point: 'p.onephase.before-commit', fate: 'committed' },
  { role: 'shop', point: 'p.onephase.before-answer', fate: 'committed', quick: true },
  { role: 'shop', point: 'p.finish.before', about: 'events', fate: 'committed' },
  { role: 'coordinator', point: 'c.prepare.sent', fate: 'aborted' },
  { role: 'coordinator', point: 'c.votes.all-in', about: 'last-asked', fate: 'aborted' },
  {
    role: 'coordinator',
    point: 'c.decided.before-tell',
    about: 'last-asked',
    fate: 'committed',
    quick: true,
  },
  { role: 'coordinator', point: 'c.votes.all-in', about: 'commit-decided', fate: 'committed' },
  {
    role: 'coordinator',
    point: 'c.decided.before-tell',
    about: 'commit-decided',
    fate: 'committed',
  },
  { role: 'coordinator', point: 'c.commit.sent', fate: 'committed' },
];

const faults = [
  { is: 'lost', quick: true },
  { is: 'slow', quick: false },
  { is: '500', quick: false },
  { is: 'die-before', quick: false },
  { is: 'die-after', quick: false },
] as const;

let fleet: PayFleet;

beforeAll(async () => {
  fleet = await PayFleet.start();
  expect(await pay('warm')).toMatch(/^committed .* applied$/);
}, 60_000);

afterAll(() => fleet?.[Symbol.asyncDispose]());

const pay = (order: string, cents?: number, how = 'pay') =>
  fleet.place(order, how, { via: 'transfers', ...(cents !== undefined && { cents }) });

async function expectFate(order: string, fate: 'committed' | 'aborted'): Promise<void> {
  await fleet.untilAtRest();
  const isCommitted = fate === 'committed';
  const expected = { isPublished: isCommitted, payments: isCommitted ? ['confirmed'] : [] };
  expect(await fleet.look(order)).toEqual(expected);
}

describe('an order that is paid by a final transfer', () => {
  test('is published when the transfer is made, and not when it is refused or never asked for', async () => {
    expect(await pay('o-1')).toMatch(/^committed .* applied$/);
    await expectFate('o-1', 'committed');
    expect(await pay('dear', 200_000)).toMatch(/^aborted .*over the limit/);
    await expectFate('dear', 'aborted');
    expect(await pay('thrown', 500, 'throw')).toMatch(/^aborted .*changed his mind/);
    await expectFate('thrown', 'aborted');
  });

  test.each(kills.filter(({ quick }) => isFull || quick === true))(
    'the $role is killed at $point: $fate',
    async ({ role, point, about, fate }) => {
      const order = randomUUID();
      fleet.failpoints[role].arm({ name: point, about, action: 'kill' });
      const told = pay(order);
      await fleet.failpoints[role].untilFired(point);
      fleet.failpoints[role].disarm();
      await fleet.processes[role].kill9(); // waits until it is gone
      await fleet.processes[role].start();
      await expectFate(order, fate);
      expect(await told).not.toMatch(fate === 'committed' ? /^aborted/ : /^committed/);
    },
    60_000,
  );

  test.each(faults.filter(({ quick }) => isFull || quick))(
    'the transfer fails, $is: it is asked for again until its answer is known',
    async ({ is }) => {
      const order = randomUUID();
      await fleet.fault({ act: 'call', is, times: 1 });
      const told = pay(order);
      if (is.startsWith('die')) {
        const isDown = () =>
          fleet.calls().then(
            () => false,
            () => true,
          );
        await waitUntil(isDown, { what: 'the provider to die' });
        await fleet.processes.payments.kill9();
        await fleet.processes.payments.start();
      }
      expect(await told).toMatch(/^committed/);
      await expectFate(order, 'committed');
    },
    60_000,
  );

  test('a call is repeated under its key alone', async () => {
    const calls = (await fleet.calls()).filter(({ act }) => act === 'call');
    const keys = new Set(calls.map(({ key }) => key));
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{12}-\d+-\d+\/\d+\/call$/);
    expect(calls.length).toBeGreaterThan(keys.size);
  });
});

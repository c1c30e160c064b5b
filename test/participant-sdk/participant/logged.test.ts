import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { defineResource } from '../../../participant-sdk/src/define-resource.ts';
import { currentTransaction } from '../../../participant-sdk/src/participant/scope.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { CoordinatorHost, type Line } from '../support/coordinator-host.ts';
import { FakeDatabase } from '../support/fake-database.ts';

let host: CoordinatorHost;
let line: Line;
let tm: TransactionClient;
let orders: FakeDatabase;
/** The outside world that the effects change. */
let sent: string[];

const makeMail = (by: string) =>
  defineResource<string>({
    rm: 'mail',
    identity: 'test:mail',
    apply: async (effect) => {
      expect(currentTransaction()).toBeUndefined();
      await orders.write(`mail sent: ${effect}`); // outside of any transaction: at once
      sent.push(`${effect} by ${by}`);
    },
  });

beforeEach(async () => {
  sent = [];
  host = await CoordinatorHost.start();
  line = host.line();
  tm = host.client({ transport: line });
  orders = await tm.serve(new FakeDatabase('orders-db'));
});

afterEach(async () => {
  await host.close();
});

test('effects are applied after the native branches, outside of any transaction', async () => {
  const mail = await tm.serve(makeMail('first'));
  const result = await tm.transaction(async () => {
    await mail.write('welcome');
    await orders.write('order 1');
    expect(sent).toEqual([]);
  });
  expect(result).toMatchObject({ outcome: 'committed', applied: true });
  expect(orders.store.rows).toEqual(['order 1', 'mail sent: welcome']);
});

test('no effect runs in the transaction of another, however many are in flight', async () => {
  const mail = await tm.serve(makeMail('first'));
  const many = Array.from({ length: 50 }, (_, index) =>
    tm.transaction(async () => {
      await new Promise((resolve) => setTimeout(resolve, index % 7));
      await orders.write(`order ${index}`);
      await mail.write(`mail ${index}`);
    }),
  );
  for (const result of await Promise.all(many)) expect(result.applied).toBe(true);
  expect(sent).toHaveLength(50);
});

test('an abort forgets them', async () => {
  const mail = await tm.serve(makeMail('first'));
  const failing = tm.transaction(async () => {
    await mail.write('welcome');
    throw new Error('mine');
  });
  await expect(failing).rejects.toThrow('mine');
  expect(sent).toEqual([]);
});

test('another instance applies them when the first dies after its vote, and nobody waits', async () => {
  const mail = await tm.serve(makeMail('first'));
  const other = host.client();
  await other.serve(makeMail('second'));
  line.onFrame = (frame) => {
    if (frame.commits.length > 0) line.isDead = true;
    return !line.isDead;
  };
  const waiting = tm.transaction(() => mail.write('welcome'), { waitAppliedMs: 2_000 });
  await waitUntil(() => sent.length > 0, { what: 'the other instance to apply' });
  expect(sent).toEqual(['welcome by second']);
  line.onFrame = () => true;
  line.isDead = false;
  expect(await waiting).toMatchObject({ outcome: 'committed', applied: true });
  const startedMs = performance.now();
  await tm.close();
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  expect(sent).toHaveLength(1);
});

test('an instance that starts later applies what was decided before', async () => {
  const mail = await tm.serve(makeMail('first'));
  line.onFrame = (frame) => {
    if (frame.commits.length > 0) line.isDead = true;
    return !line.isDead;
  };
  const waiting = tm.transaction(() => mail.write('welcome'), { wait: 'decided', timeoutMs: 100 });
  await waiting.catch(() => undefined);
  await waitUntil(() => line.isDead, { what: 'the decision' });
  await host.down();
  await host.up();
  await host.client().serve(makeMail('second'));
  await waitUntil(() => sent.length > 0, { what: 'the later instance to apply' });
  expect(sent).toEqual(['welcome by second']);
  line.isDead = false;
});

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ambient, systemAmbient } from '../../../participant-sdk/src/ambient.ts';
import { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { defineResource } from '../../../participant-sdk/src/define-resource.ts';
import { type TempDir, tempDir } from '../../support/temp-dir.ts';
import { FakeDatabase } from '../support/fake-database.ts';

let folder: TempDir;

beforeEach(() => {
  folder = tempDir();
});

afterEach(() => {
  folder.remove();
});

test('an embedded coordinator commits, closes with its client, and remembers on its folder', async () => {
  const data = folder.file('log');
  const tm = await TransactionClient.embedded({ data, service: 'shop' });
  const orders = await tm.serve(new FakeDatabase('orders-db'));
  const stock = await tm.serve(new FakeDatabase('stock-db'));
  const { gid } = await tm.transaction(async () => {
    await orders.write('order 1');
    await stock.write('item -1');
  });
  await tm.close();
  expect(orders.isClosed).toBe(true);

  await using again = await TransactionClient.embedded({ data });
  expect(await again.outcome(gid)).toMatchObject({ outcome: 'committed', applied: true });
});

test('a second coordinator on the same folder is refused, typed', async () => {
  const data = folder.file('log');
  await using first = await TransactionClient.embedded({ data });
  await expect(TransactionClient.embedded({ data })).rejects.toMatchObject({ code: 'log-locked' });
  expect(first).toBeInstanceOf(TransactionClient);
});

test('with a mirror: what the log loses is back, and told; without it, only when it is dropped', async () => {
  const data = folder.file('log');
  const mirror = folder.file('mirror');
  const tm = await TransactionClient.embedded({ data, mirror });
  const orders = await tm.serve(new FakeDatabase('orders-db'));
  const { gid } = await tm.transaction(() => orders.write('order 1'));
  await tm.close();
  for (const name of readdirSync(data)) if (name.startsWith('decisions-')) rmSync(join(data, name));

  const warned: unknown[] = [];
  const quiet = () => {};
  const logger = {
    debug: quiet,
    info: quiet,
    warn: (entry: unknown) => warned.push(entry),
    error: quiet,
  };
  const again = await TransactionClient.embedded({ data, mirror, logger });
  expect(await again.outcome(gid)).toMatchObject({ outcome: 'committed', applied: true });
  expect(warned).toContainEqual(expect.objectContaining({ event: 'log.repaired' }));
  await again.close();

  await expect(TransactionClient.embedded({ data })).rejects.toMatchObject({
    code: 'invalid-argument',
    hint: expect.stringContaining(mirror),
  });
  await using without = await TransactionClient.embedded({ data, dropMirror: true });
  expect(await without.outcome(gid)).toMatchObject({ outcome: 'committed' });
});

test('close leaves no timer behind, though a branch can not be finished', async () => {
  const running = new Set<object>();
  const ambient: Ambient = {
    ...systemAmbient,
    after(delayMs, task) {
      const timer = {};
      running.add(timer);
      const callOff = systemAmbient.after(delayMs, () => {
        running.delete(timer);
        task();
      });
      return () => {
        running.delete(timer);
        callOff();
      };
    },
  };
  const options = { data: folder.file('log'), closeTimeoutMs: 100, ambient };
  const tm = await TransactionClient.embedded(options);
  const full = () => Promise.reject(new Error('the disk of the target is full'));
  const target = await tm.serve(defineResource<object>({ rm: 'target', apply: full }));
  const committed = await tm.transaction(() => target.write({}), { waitAppliedMs: 50 });
  expect(committed.applied).toBe(false);
  await tm.close();
  expect(running.size).toBe(0);
});

test.each(['http://localhost:7411', 'localhost', 'localhost:', ''])(
  'refuses %j as an address, at once',
  (address) => {
    expect(() => new TransactionClient(address)).toThrowError(
      expect.objectContaining({
        code: 'invalid-argument',
        hint: expect.stringContaining('HOST:PORT'),
      }),
    );
  },
);

import { afterEach, beforeEach, expect, test } from 'vitest';
import { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
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

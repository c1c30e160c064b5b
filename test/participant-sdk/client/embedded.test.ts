import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { currentTransaction } from '../../../participant-sdk/src/participant/scope.ts';
import { type TempDir, tempDir } from '../../support/temp-dir.ts';
import { FakeDatabase } from '../support/fake-database.ts';

let folder: TempDir;
let tm: TransactionClient;
let orders: FakeDatabase;
let stock: FakeDatabase;

beforeEach(async () => {
  folder = tempDir();
  tm = await TransactionClient.embedded({ data: folder.file('log'), service: 'test' });
  orders = await tm.serve(new FakeDatabase('orders-db'));
  stock = await tm.serve(new FakeDatabase('stock-db'));
});

afterEach(async () => {
  await tm.close();
  folder.remove();
});

test('a transaction over two resources commits both, and gives what its function returned', async () => {
  const result = await tm.transaction(async ({ gid, remainingMs }) => {
    expect(currentTransaction()?.gid).toBe(gid);
    expect(remainingMs()).toBeGreaterThan(9_000);
    await orders.write('order 1');
    await stock.write('item -1');
    return 42;
  });
  expect(result).toMatchObject({ value: 42, outcome: 'committed', applied: true, pending: [] });
  expect(orders.store.rows).toEqual(['order 1']);
  expect(stock.store.rows).toEqual(['item -1']);
  expect(await tm.outcome(result.gid)).toMatchObject({ outcome: 'committed', applied: true });
});

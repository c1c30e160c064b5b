import type { LogPosition } from '@unanimous/proto';
import { expect, test } from 'vitest';
import { systemAmbient } from '../../../participant-sdk/src/ambient.ts';
import { Positions } from '../../../participant-sdk/src/participant/positions.ts';
import { FakeDatabase } from '../support/fake-database.ts';

const at = (seq: number): LogPosition => {
  return { logId: '4f1c9a7be203', epoch: 1, nonce: '00', seq, chain: '' };
};

test('of the positions that came in another order the highest is stored', async () => {
  const database = new FakeDatabase('orders-db');
  const positions = new Positions(database, systemAmbient, () => {});
  for (const seq of [7, 9, 8]) positions.see(at(seq));
  await positions.beforeCommit();
  positions.close();
  expect(database.store.positions.map(({ seq }) => seq)).toEqual([9]);
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { serve, type Service } from '../../../coordinator/src/serve.ts';
import { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { defineResource } from '../../../participant-sdk/src/define-resource.ts';
import { type TempDir, tempDir } from '../../support/temp-dir.ts';
import { FakeDatabase } from '../support/fake-database.ts';

const payloadBytes = 250_000;

/** Together about twice what an outbox holds. */
const count = 80;

let folder: TempDir;
let coordinator: Service;
const lines: string[] = [];

beforeEach(async () => {
  folder = tempDir();
  coordinator = await serve({ dataDir: folder.file('log'), listen: '127.0.0.1:0' });
});

afterEach(async () => {
  await coordinator.close();
  folder.remove();
});

test('votes and commits that overflow an outbox together wait for room, and lose no session', async () => {
  const log = ({ event = '' }: { event?: string }) => lines.push(event);
  const logger = { debug: log, info: log, warn: log, error: log };
  await using tm = new TransactionClient({ address: coordinator.address, logger });
  const orders = new FakeDatabase('orders-db');
  orders.redo = new Uint8Array(payloadBytes);
  await tm.serve(orders);
  const applied = new Set<number>();
  const events = await tm.serve(
    defineResource<{ readonly index: number; readonly text: string }>({
      rm: 'events',
      apply: ({ index, text }) => {
        expect(text).toHaveLength(payloadBytes);
        applied.add(index);
      },
    }),
  );
  const text = 'x'.repeat(payloadBytes);
  const write = async (index: number) => {
    await Promise.all([orders.write(`order ${index}`), events.write({ index, text })]);
  };
  // The first one goes the long way, with votes of their own; so do those for which no gid is left.
  const all = Array.from({ length: count }, (_, index) => {
    return tm.transaction(() => write(index), { timeoutMs: 60_000, waitAppliedMs: 60_000 });
  });
  for (const result of await Promise.all(all)) {
    expect(result).toMatchObject({ outcome: 'committed', applied: true });
  }
  expect(applied.size).toBe(count);
  expect(orders.store.rows).toHaveLength(count);
  expect(lines).not.toContain('session.lost');
}, 60_000);

import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { TransactionClient } from '../../participant-sdk/src/client/transaction-client.ts';
import { defineResource } from '../../participant-sdk/src/define-resource.ts';
import { openQueue, sqliteQueue } from '../../participant-sdk/src/sqlite-queue/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitUntil } from '../support/wait-until.ts';

// The resources on the real runtime and the real coordinator, in one process.

interface Note {
  readonly text: string;
}

/** A process's life: a client, a queue, and a log that fails while `isDown`. */
async function start(
  folder: ReturnType<typeof tempDir>,
  world: { isDown: boolean; log: string[] },
) {
  const tm = await TransactionClient.embedded({ data: folder.file('log'), closeTimeoutMs: 200 });
  const file = folder.file('queue.db');
  const queue = await tm.serve(sqliteQueue({ rm: 'events', file, Database }));
  const log = await tm.serve(
    defineResource<Note>({
      rm: 'audit-log',
      check: ({ text }) => (text === '' ? { refused: 'no empty notes' } : undefined),
      apply({ text }, { id }) {
        if (world.isDown) throw new Error('disk full');
        world.log.push(`${text} ${id.split('/')[2]}`);
      },
    }),
  );
  const reader = await openQueue({ file, Database });
  const bodies = async () =>
    (await reader.receive({ topic: 't', max: 99 })).map(({ body }) => body);
  const stop = async () => {
    await reader.close();
    await tm.close();
  };
  return { tm, queue, log, bodies, stop };
}

test('a transaction over a queue and a log writes to both, or to none', async () => {
  using folder = tempDir();
  const world = { isDown: false, log: [] as string[] };
  const { tm, queue, log, bodies, stop } = await start(folder, world);
  const both = (text: string) => async () => {
    await queue.publish('t', text);
    await log.write({ text });
  };
  expect(await tm.transaction(both('first'))).toMatchObject({
    outcome: 'committed',
    applied: true,
  });
  await expect(tm.transaction(both(''))).rejects.toMatchObject({
    code: 'aborted',
    reason: { code: 'prepare-refused', message: 'no empty notes', rm: 'audit-log' },
  });
  const fails = async () => {
    await both('thrown away')();
    throw new Error('no');
  };
  await expect(tm.transaction(fails)).rejects.toThrow('no');
  expect(await bodies()).toEqual(['first']);
  expect(world.log).toEqual(['first 0']);
  await expect(queue.publish('t', 'x')).rejects.toMatchObject({ code: 'no-transaction' });
  await stop();
});

test('what was committed and not applied is applied by the next process', async () => {
  using folder = tempDir();
  const world = { isDown: true, log: [] as string[] };
  const first = await start(folder, world);
  const committed = await first.tm.transaction(
    async () => {
      await first.queue.publish('t', 'event');
      await first.log.write({ text: 'note' });
    },
    { waitAppliedMs: 300 },
  );
  expect(committed).toMatchObject({
    outcome: 'committed',
    applied: false,
    pending: [{ rm: 'audit-log', reason: { message: expect.stringContaining('disk full') } }],
  });
  expect(await first.bodies()).toEqual(['event']);
  await first.stop();
  expect(world.log).toEqual([]);

  world.isDown = false;
  const second = await start(folder, world);
  await waitUntil(() => world.log.length > 0, { what: 'the note' });
  expect(world.log).toEqual(['note 0']);
  const outcome = await waitUntil(
    async () => {
      const found = await second.tm.outcome(committed.gid ?? '');
      return found.outcome === 'committed' && found.applied && found;
    },
    { what: 'the outcome to be applied' },
  );
  expect(outcome).toMatchObject({ outcome: 'committed', applied: true });
  await second.stop();
});

import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ChangeWatch } from '../../../participant-sdk/src/sqlite-queue/change-watch.ts';
import { tempDir } from '../../support/temp-dir.ts';

async function elapsedMs(work: Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work;
  return performance.now() - startedMs;
}

test.each(['queue.db', 'link.db'])('a write to the log ends the wait at %s', async (name) => {
  using dir = tempDir();
  mkdirSync(dir.file('data'));
  writeFileSync(dir.file('data/real.db'), '');
  writeFileSync(dir.file('queue.db'), '');
  symlinkSync(dir.file('data/real.db'), dir.file('link.db'));
  const watch = new ChangeWatch(dir.file(name));
  const waiting = elapsedMs(watch.wait(watch.changes, 5_000));
  expect(watch.isReporting).toBe(true);
  appendFileSync(dir.file(name === 'queue.db' ? 'queue.db-wal' : 'data/real.db-wal'), 'x');
  expect(await waiting).toBeLessThan(2_000);
  watch.close();
});

test('a change between the look and the wait is not missed', async () => {
  using dir = tempDir();
  writeFileSync(dir.file('queue.db'), '');
  const watch = new ChangeWatch(dir.file('queue.db'));
  const { changes } = watch;
  watch.wake();
  expect(await elapsedMs(watch.wait(changes, 5_000))).toBeLessThan(1_000);
  watch.close();
});

test('a wait ends by time, by its signal and by close', async () => {
  using dir = tempDir();
  writeFileSync(dir.file('queue.db'), '');
  const watch = new ChangeWatch(dir.file('queue.db'));
  await watch.wait(watch.changes, 10);
  await watch.wait(watch.changes, 5_000, AbortSignal.abort());
  await watch.wait(watch.changes, 5_000, AbortSignal.timeout(10));
  const waiting = watch.wait(watch.changes, 5_000);
  watch.close();
  await waiting;
});

test('where the folder can’t be watched it says so', () => {
  const watch = new ChangeWatch('/no/such/folder/queue.db');
  expect(watch.changes).toBe(0);
  expect(watch.isReporting).toBe(false);
  watch.close();
});

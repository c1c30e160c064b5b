import type { LogId } from '@unanimous/proto';
import { expect, test } from 'vitest';
import {
  copyMemoryDisk,
  MemoryDecisionLog,
  type MemoryLogOptions,
  newMemoryDisk,
} from '../../../coordinator/src/log/memory-log.ts';
import { describeDecisionLog, entriesOf } from './decision-log-contract.ts';
import { commitDecided, ended, gidOf, summary } from './log-records.ts';

const logId = 'abcdefabcdef' as LogId;
const holder = { name: 'm', address: '' };

function newOptions(): MemoryLogOptions {
  let nonces = 0;
  const newNonce = () => (nonces += 1).toString(16).padStart(16, '0');
  return { disk: newMemoryDisk(logId), newNonce };
}

async function newActiveLog(options: MemoryLogOptions): Promise<MemoryDecisionLog> {
  const log = new MemoryDecisionLog(options);
  await log.open();
  await log.becomeActive(holder);
  return log;
}

describeDecisionLog('MemoryDecisionLog', () => {
  const options = newOptions();
  return {
    newLog: () => new MemoryDecisionLog(options),
    remove: async () => {},
  };
});

test('a crash keeps what was forced and loses lazy records that nothing carried', async () => {
  const log = await newActiveLog(newOptions());
  await log.append([commitDecided(gidOf(logId, 1, 1))]);
  log.appendLazily([ended(gidOf(logId, 1, 1))]);
  const next = log.crash();
  await next.open();
  expect((await entriesOf(next)).map(summary)).toEqual(['commit-decided 1-1']);
});

test.each(['lost', 'written'] as const)(
  'an append in flight may be %s by a crash',
  async (fate) => {
    const log = await newActiveLog(newOptions());
    let settled = false;
    const settle = () => {
      settled = true;
    };
    log.append([commitDecided(gidOf(logId, 1, 1))]).then(settle, settle);
    const next = log.crash(fate);
    await next.open();
    expect(await entriesOf(next)).toHaveLength(fate === 'written' ? 1 : 0);
    expect(settled).toBe(false);
  },
);

test.each([
  ['beforeWrite', 0],
  ['afterWrite', 1],
] as const)('a failing %s fails the log; %i of its records are there later', async (hook, left) => {
  const options = newOptions();
  const error = new Error('EIO');
  const log = await newActiveLog({ ...options, [hook]: () => Promise.reject(error) });
  const failures: unknown[] = [];
  log.onFailure((failure) => failures.push(failure));
  const append = log.append([commitDecided(gidOf(logId, 1, 1))]);
  await expect(append).rejects.toMatchObject({ code: 'log-failed', cause: error });
  await expect(log.append([ended(gidOf(logId, 1, 1))])).rejects.toMatchObject({
    code: 'log-failed',
  });
  expect(failures).toMatchObject([{ code: 'log-failed' }]);
  expect(await entriesOf(await newActiveLog(options))).toHaveLength(left);
});

test('a disk from a backup does not hold what came after the backup', async () => {
  const options = newOptions();
  const log = await newActiveLog(options);
  await log.append([commitDecided(gidOf(logId, 1, 1))]);
  const backup = copyMemoryDisk(options.disk);
  const saved = log.tip();
  await log.append([commitDecided(gidOf(logId, 1, 2))]);
  const restored = await newActiveLog({ ...options, disk: backup });
  expect(await restored.holds(saved)).toBe(true);
  expect(await restored.holds(log.tip())).toBe(false);
});

test('calls of one turn share a write', async () => {
  let writes = 0;
  const options = newOptions();
  const log = await newActiveLog({ ...options, beforeWrite: async () => void (writes += 1) });
  const appends = [1, 2, 3].map((n) => log.append([commitDecided(gidOf(logId, 1, n))]));
  await Promise.all(appends);
  expect(writes).toBe(1);
});

test('a crash may keep a beginning of what was in flight, in its order', async () => {
  const log = await newActiveLog(newOptions());
  for (const counter of [1, 2, 3]) {
    log.append([commitDecided(gidOf(logId, 1, counter))]).catch(() => undefined);
  }
  expect(log.inFlight).toBe(3);
  const next = log.crash(2);
  await next.open();
  const kept = (await entriesOf(next)).map(summary);
  expect(kept).toEqual(['commit-decided 1-1', 'commit-decided 1-2']);
});

test('a disk that fails amid a group keeps a beginning of it, and tells nobody that it holds', async () => {
  const options = newOptions();
  const log = await newActiveLog({ ...options, tear: () => 1 });
  const appends = [1, 2].map((counter) => log.append([commitDecided(gidOf(logId, 1, counter))]));
  const settled = await Promise.allSettled(appends);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const next = log.crash();
  await next.open();
  expect((await entriesOf(next)).map(summary)).toEqual(['commit-decided 1-1']);
});

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Gid } from '@unanimous/proto';
import { afterEach, describe, expect, test } from 'vitest';
import type { Incarnation } from '../../../../coordinator/src/log/decision-log.ts';
import {
  SqliteDecisionLog,
  type SqliteLogOptions,
} from '../../../../coordinator/src/log/sqlite/sqlite-decision-log.ts';
import { type TempDir, tempDir } from '../../../support/temp-dir.ts';
import { waitUntil } from '../../../support/wait-until.ts';
import { describeDecisionLog, entriesOf } from '../decision-log-contract.ts';
import { commitDecided, ended, gidOf, summary } from '../log-records.ts';
import { childCommand, spawnChildLog } from './child-log.ts';

const dirs: TempDir[] = [];
const logs: SqliteDecisionLog[] = [];

function newDir(): string {
  const dir = tempDir();
  dirs.push(dir);
  return dir.file('log');
}

function newLog(dir: string, options: Partial<SqliteLogOptions> = {}): SqliteDecisionLog {
  const log = new SqliteDecisionLog({ dir, ...options });
  logs.push(log);
  return log;
}

async function active(
  dir: string,
  options: Partial<SqliteLogOptions> = {},
): Promise<{ log: SqliteDecisionLog; incarnation: Incarnation; gid: (counter: number) => Gid }> {
  const log = newLog(dir, options);
  await log.open();
  const incarnation = await log.becomeActive({ name: 'test', address: '' });
  const gid = (counter: number) => gidOf(incarnation.logId, incarnation.epoch, counter);
  return { log, incarnation, gid };
}

async function decisionsIn(dir: string): Promise<string[]> {
  const log = newLog(dir);
  await log.open();
  const entries = await entriesOf(log);
  await log.close();
  return entries.map(summary);
}

afterEach(async () => {
  await Promise.all(logs.splice(0).map((log) => log.close()));
  for (const dir of dirs.splice(0)) dir.remove();
});

describeDecisionLog('SqliteDecisionLog', () => {
  const dir = tempDir();
  return {
    newLog: () => new SqliteDecisionLog({ dir: dir.file('log') }),
    remove: async () => dir.remove(),
  };
});

describe('the folder', () => {
  test('is for us alone, and so are its files', async () => {
    const dir = newDir();
    const { log, gid } = await active(dir);
    await log.append([commitDecided(gid(1))]);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const names = readdirSync(dir).toSorted();
    expect(names).toEqual(['decisions-1.db', 'decisions-1.db-wal', 'lock.db', 'tip']);
    for (const name of names) expect(statSync(join(dir, name)).mode & 0o777, name).toBe(0o600);
  });

  test('is locked against a second log in this process and in another', async () => {
    const dir = newDir();
    const { log, gid } = await active(dir);
    const refusal = { code: 'log-locked', message: expect.stringContaining(dir) };
    await expect(newLog(dir).open()).rejects.toMatchObject(refusal);
    const child = spawnChildLog(childCommand('list', dir));
    await child.ended;
    expect(child.lines).toEqual([expect.stringMatching(/^error log-locked .*another coordinator/)]);
    await expect(newLog(dir).open()).rejects.toMatchObject(refusal);
    await expect(log.append([commitDecided(gid(1))])).resolves.toBeDefined();
    await log.close();
    expect(await decisionsIn(dir)).toEqual(['commit-decided 1-1']);
  });

  test('holds one generation, and no leftovers, after any start', async () => {
    const dir = newDir();
    for (let start = 1; start <= 3; start += 1) {
      const { log } = await active(dir);
      await log.close();
      expect(readdirSync(dir).toSorted()).toEqual([`decisions-${start}.db`, 'lock.db', 'tip']);
    }
  });
});

describe('a log that fails', () => {
  test('at an append rejects all that wait, tells once, and refuses the rest', async () => {
    const dir = newDir();
    const { log, gid } = await active(dir);
    await log.append([commitDecided(gid(1))]);
    await log.close();

    // becomeActive reaches the point too, so let the second log fail there.
    const failing = newLog(dir, { crash: { at: 'append.before-write', how: 'throw' } });
    await failing.open();
    const { epoch, logId } = await failing.becomeActive({ name: 'test', address: '' });
    const failures: unknown[] = [];
    failing.onFailure((error) => failures.push(error));
    const error = { code: 'log-failed', message: expect.stringMatching(/EIO.*before-write/) };
    const record = commitDecided(gidOf(logId, epoch, 1));
    const appends = [failing.append([record]), failing.append([record])];
    failing.appendLazily([ended(gidOf(logId, epoch, 1))]);
    for (const append of appends) await expect(append).rejects.toMatchObject(error);
    await expect(failing.append([record])).rejects.toMatchObject(error);
    await expect(failing.compact()).rejects.toMatchObject(error);
    expect(failures).toMatchObject([error]);
    failing.onFailure((late) => failures.push(late));
    await waitUntil(() => failures.length === 2, { what: 'the late listener' });
    await failing.close();
    expect(await decisionsIn(dir)).toEqual(['commit-decided 1-1']);
  });

  test.each([
    ['append.before-commit', 'becomeActive'],
    ['compact.before-commit', 'compact'],
  ] as const)('at %s rejects %s', async (at, method) => {
    const dir = newDir();
    const log = newLog(dir, { crash: { at, how: 'throw' } });
    const { logId } = await log.open();
    const work = async () => {
      await log.becomeActive({ name: 'test', address: '' });
      await log.append([commitDecided(gidOf(logId, 1, 1)), ended(gidOf(logId, 1, 1))]);
      await log.append([{ kind: 'forgotten', through: { epoch: 1, counter: 1 } }]);
      await log.compact();
    };
    await expect(work()).rejects.toMatchObject({ code: 'log-failed' });
    await log.close();
    const found = method === 'compact' ? ['forgotten 1-1'] : [];
    expect(await decisionsIn(dir)).toEqual(found);
  });

  test('at a start lets the folder go, and the next start finds everything', async () => {
    const dir = newDir();
    const { log, gid } = await active(dir);
    await log.append([commitDecided(gid(1))]);
    await log.close();
    const failing = newLog(dir, { crash: { at: 'start.before-tip', how: 'throw' } });
    await expect(failing.open()).rejects.toMatchObject({ code: 'log-failed' });
    expect(await decisionsIn(dir)).toEqual(['commit-decided 1-1']);
  });
});

describe('under load', () => {
  test('calls of one turn share a commit, and a large queue is split', async () => {
    const dir = newDir();
    const { log, gid, incarnation } = await active(dir);
    const redo = new Uint8Array(100_000).fill(7);
    const large = (counter: number) => {
      const record = commitDecided(gid(counter));
      if (record.kind !== 'commit-decided') throw new Error('no decision');
      return { ...record, branches: record.branches.map((branch) => ({ ...branch, redo })) };
    };
    const first = log.tip().seq + 1;
    const appends = Array.from({ length: 100 }, (_, n) => log.append([large(n + 1)]));
    const seqs = await Promise.all(appends);
    expect(seqs).toEqual(seqs.map((_, n) => ({ seq: first + n })));
    const all = Array.from({ length: 30 }, (_, n) => large(101 + n)); // one call, several batches
    expect(await log.append(all)).toEqual({ seq: first + 100 });
    await log.close();
    const found = await decisionsIn(dir);
    expect(found).toHaveLength(130);
    expect(found.at(-1)).toBe(`commit-decided ${incarnation.epoch}-130`);
  });

  test('much that is needed is not written again to drop a little behind it', async () => {
    const { log, gid } = await active(newDir());
    const decide = (n: number) => [commitDecided(gid(n)), ended(gid(n))];
    for (let from = 1; from <= 3_000; from += 100) {
      const numbers = Array.from({ length: 100 }, (_, n) => from + n);
      await log.append(numbers.flatMap(decide));
    }
    const forget = (counter: number) =>
      log.append([{ kind: 'forgotten', through: { epoch: 1, counter } }]);
    await forget(1); // which the next mark replaces, behind all that stays
    await forget(2);
    const before = log.tip();
    await log.compact();
    expect(log.tip().seq).toBe(before.seq);
    await forget(800);
    await log.compact();
    // What is read is dropped, until most of it is needed: not all 4,400 are written again.
    expect(log.tip().seq).toBeLessThan(before.seq + 3_000);
    const left = (await entriesOf(log)).map(summary);
    expect(left).not.toContain('ended 1-799');
    expect(left.filter((entry) => entry.startsWith('ended'))).toHaveLength(2_200);
    await log.close();
  });

  test('the files stay small when what ends is forgotten and compacted', async () => {
    const dir = newDir();
    const { log, gid } = await active(dir);
    let largestBytes = 0;
    await log.append([commitDecided(gid(1))]); // stays open, and is carried again and again
    for (let round = 1; round <= 12; round += 1) {
      const counters = Array.from({ length: 1_000 }, (_, n) => round * 1_000 + n);
      await Promise.all(counters.map((n) => log.append([commitDecided(gid(n))])));
      log.appendLazily(counters.map((n) => ended(gid(n))));
      await log.append([
        { kind: 'forgotten', through: { epoch: 1, counter: round * 1_000 + 999 } },
      ]);
      await log.compact();
      largestBytes = Math.max(largestBytes, statSync(join(dir, 'decisions-1.db')).size);
    }
    // A round writes about 0.7 MB; twelve rounds that nobody compacts would be 8 MB.
    expect(largestBytes).toBeLessThan(3_000_000);
    expect((await entriesOf(log)).map(summary)).toEqual([
      'commit-decided 1-1',
      'forgotten 1-12999',
    ]);
  });
});

describe('kill -9 of a process that appends', () => {
  test('loses nothing that was acknowledged, however often', { timeout: 120_000 }, async () => {
    const dir = newDir();
    const acked = new Set<string>();
    for (const [round, untilAcked] of [2_000, 500, 5_000].entries()) {
      const child = spawnChildLog(childCommand('append', dir));
      const enough = () => child.said('acked').length >= untilAcked;
      await waitUntil(enough, { what: `${untilAcked} decisions`, timeoutMs: 30_000 });
      await child.kill();
      for (const gid of child.said('acked')) acked.add(gid);
      expect(child.said('active')).toEqual([`${round + 1}`]);

      const found = new Set(await decisionsIn(dir));
      const mustBeThere = [...acked].filter((gid) => Number(gid.split('-')[1]) % 2 === 1);
      expect(mustBeThere.filter((gid) => !found.has(`commit-decided ${gid}`))).toEqual([]);
      const openCount = [...found].filter((text) => text.startsWith('commit-decided')).length;
      expect(openCount).toBeLessThan(acked.size + 64 + 1_000);
    }
  });
});

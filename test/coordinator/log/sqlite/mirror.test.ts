import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readMirror } from '../../../../coordinator/src/log/sqlite/mirror-groups.ts';
import { SqliteDecisionLog } from '../../../../coordinator/src/log/sqlite/sqlite-decision-log.ts';
import { type TempDir, tempDir } from '../../../support/temp-dir.ts';
import { entriesOf } from '../decision-log-contract.ts';
import { commitDecided, decidedBranch, ended, gidOf, summary } from '../log-records.ts';
import { flipBit, newestDatabase, openStore } from './log-image.ts';
import { errorOf } from './error-of.ts';

const holder = { name: 'mirror', address: '' };

/** A log with a mirror beside its folder, and three decisions; killed, not closed. */
function mirroredLog(dir: TempDir): { folder: string; mirror: string } {
  const folder = dir.file('log');
  const mirror = dir.file('mirror');
  const open = openStore(folder, { mirror });
  for (let n = 1; n <= 3; n += 1) open.decide(n);
  left.push(open);
  return { folder, mirror };
}

/** Were one collected as garbage, SQLite would close it in order, and move its WAL into the database. */
const left: unknown[] = [];

function decisionsOf(folder: string, mirror: string): string[] {
  const open = openStore(folder, { mirror });
  const decisions = open.decisions();
  open.close();
  return decisions;
}

const all = ['1-1', '1-2', '1-3'];

describe('a mirror', () => {
  test('holds what the log holds, at each moment', () => {
    using dir = tempDir();
    const { mirror } = mirroredLog(dir);
    const { frames, base, isBroken } = readMirror(readFileSync(mirror));
    const kinds = frames.map(({ kind }) => kind);
    expect(kinds).toEqual(['epochs', 'mirror', 'epoch', ...all.map(() => 'commit-decided')]);
    expect(base?.seq).toBe(1);
    expect(isBroken).toBe(false);
    expect(statSync(mirror).mode & 0o777).toBe(0o600);
  });

  test('gives back what the WAL, the database or the whole log has lost', () => {
    using dir = tempDir();
    const { folder, mirror } = mirroredLog(dir);
    rmSync(`${newestDatabase(folder)}-wal`);
    expect(decisionsOf(folder, mirror)).toEqual(all);
    rmSync(newestDatabase(folder));
    expect(decisionsOf(folder, mirror)).toEqual(all);
    rmSync(join(folder, 'tip'));
    expect(decisionsOf(folder, mirror)).toEqual(all);
    // With database and tip gone, only the operator knows that the mirror is of this log.
    rmSync(newestDatabase(folder));
    rmSync(join(folder, 'tip'));
    expect(errorOf(() => openStore(folder, { mirror })).message).toMatch(/no log in .* but one in/);
    const open = openStore(folder, { mirror, acceptTipLoss: true });
    expect(open.decisions()).toEqual(all);
    open.close();
  });

  test('is itself given back by the log', () => {
    using dir = tempDir();
    const { folder, mirror } = mirroredLog(dir);
    rmSync(mirror);
    expect(decisionsOf(folder, mirror)).toEqual(all);
    const bytes = readFileSync(mirror);
    writeFileSync(mirror, flipBit(bytes, 100));
    expect(decisionsOf(folder, mirror)).toEqual(all);
    expect(readMirror(readFileSync(mirror)).isBroken).toBe(false);
  });

  test('tells of the last record, when power and the same record are lost at once', () => {
    using dir = tempDir();
    const { folder, mirror } = mirroredLog(dir);
    const path = newestDatabase(folder);
    rmSync(join(folder, 'tip')); // it was never synced
    const wal = readFileSync(`${path}-wal`);
    writeFileSync(`${path}-wal`, flipBit(wal, wal.length - 100));
    expect(decisionsOf(folder, mirror)).toEqual(all);
  });

  test('that is missing on both sides refuses, and both are copied aside', () => {
    using dir = tempDir();
    const { folder, mirror } = mirroredLog(dir);
    rmSync(`${newestDatabase(folder)}-wal`);
    writeFileSync(mirror, readFileSync(mirror).subarray(0, 300));
    const { code, message } = errorOf(() => openStore(folder, { mirror }));
    expect(code).toBe('log-damaged');
    expect(message).toMatch(/records \d to 6 are missing/);
    const copy = /copied to (.*)$/.exec(message)?.[1] ?? '';
    expect(readFileSync(join(copy, 'mirror')).equals(readFileSync(mirror))).toBe(true);
  });

  test('of another log is refused, and so is a file that is none', () => {
    using dir = tempDir();
    const { folder, mirror } = mirroredLog(dir);
    openStore(dir.file('other'), { mirror: dir.file('foreign') }).close();
    const mixed = errorOf(() => openStore(folder, { mirror: dir.file('foreign') }));
    expect(mixed.message).toMatch(/its mirror is of log .*: files were mixed/);
    openStore(dir.file('third')).close();
    writeFileSync(dir.file('letter'), 'Dear Sir');
    const letter = errorOf(() => openStore(dir.file('third'), { mirror: dir.file('letter') }));
    expect(letter).toMatchObject({ code: 'invalid-argument' });
    expect(readFileSync(dir.file('letter'), 'utf8')).toBe('Dear Sir');
    expect(decisionsOf(folder, mirror)).toEqual(all);
  });

  test('that was dropped, and went stale, is not read when it comes back', () => {
    using dir = tempDir();
    const { folder, mirror } = mirroredLog(dir);
    const open = openStore(folder, { dropMirror: true });
    open.append([ended(gidOf(open.store.logId, 1, 1))]);
    open.append([{ kind: 'forgotten', through: { epoch: 1, counter: 1 } }]);
    open.close();
    openStore(folder).close();
    expect(decisionsOf(folder, mirror)).toEqual(all.slice(1));
  });
});

describe('a log that has a mirror', () => {
  test('says so, opens only with it, and records when it is dropped', async () => {
    using dir = tempDir();
    const folder = dir.file('log');
    const mirror = dir.file('mirror');
    const first = new SqliteDecisionLog({ dir: folder, mirror });
    const { logId } = await first.open();
    const { epoch } = await first.becomeActive(holder);
    await first.append([commitDecided(gidOf(logId, epoch, 1))]);
    expect(first.repairs).toEqual([]);
    await first.close();

    const without = new SqliteDecisionLog({ dir: folder });
    await expect(without.open()).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('has a mirror'),
      hint: expect.stringContaining(mirror),
    });
    expect(existsSync(join(folder, 'quarantine'))).toBe(false);

    const dropped = new SqliteDecisionLog({ dir: folder, dropMirror: true });
    await dropped.open();
    await dropped.close();
    const alone = new SqliteDecisionLog({ dir: folder });
    await alone.open();
    expect((await entriesOf(alone)).map(summary)).toEqual(['commit-decided 1-1']);
    await alone.close();
  });

  test('tells what it repaired', async () => {
    using dir = tempDir();
    const { folder, mirror } = mirroredLog(dir);
    rmSync(`${newestDatabase(folder)}-wal`);
    const log = new SqliteDecisionLog({ dir: folder, mirror });
    await log.open();
    expect(log.repairs).toEqual([expect.stringMatching(/the database lacked records after 2/)]);
    await log.close();
  });

  test('keeps it bounded: compaction writes it anew, and it is as complete as before', () => {
    using dir = tempDir();
    const folder = dir.file('log');
    const mirror = dir.file('mirror');
    const open = openStore(folder, { mirror });
    const { store } = open;
    const { logId } = store.becomeActive(holder);
    const redo = new Uint8Array(650_000);
    for (let n = 1; n <= 5; n += 1) {
      const branches = [decidedBranch({ kind: 'logged', redo })];
      open.append([{ kind: 'commit-decided', gid: gidOf(logId, 1, n), branches }]);
      open.append([ended(gidOf(logId, 1, n))]);
    }
    open.decide(6);
    open.append([{ kind: 'forgotten', through: { epoch: 1, counter: 5 } }]);
    expect(statSync(mirror).size).toBeGreaterThan(3_000_000);
    while (open.compactStep());
    store.shrinkMirror();
    expect(statSync(mirror).size).toBeLessThan(10_000);
    open.decide(7);
    rmSync(newestDatabase(folder));
    rmSync(`${newestDatabase(folder)}-wal`, { force: true });
    expect(decisionsOf(folder, mirror)).toEqual(['1-6', '1-7']);
  });
});

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { FileForcer } from '../../../../coordinator/src/log/sqlite/file-forcer.ts';
import { readMirror } from '../../../../coordinator/src/log/sqlite/mirror-groups.ts';
import { type TempDir, tempDir } from '../../../support/temp-dir.ts';
import { decidedBranch, gidOf } from '../log-records.ts';
import { errorOf } from './error-of.ts';
import { flipBit, newestDatabase, openStore, type OpenStore } from './log-image.ts';

// When the mirror is written, what stands in it, and what becomes of it when a start reads it.

/** Not collected while their files are looked at: SQLite would tidy those up. */
const killed: OpenStore[] = [];

function openMirrored(dir: TempDir, options: Parameters<typeof openStore>[1] = {}): OpenStore {
  const open = openStore(dir.file('log'), { mirror: dir.file('mirror'), ...options });
  killed.push(open);
  return open;
}

function quarantined(dir: TempDir): string[] {
  const folder = dir.file('log/quarantine');
  return readdirSync(folder).map((name) => `${folder}/${name}`);
}

function loseDatabase(dir: TempDir): void {
  const path = newestDatabase(dir.file('log'));
  for (const file of [path, `${path}-wal`]) rmSync(file, { force: true });
}

describe('a group of records', () => {
  test('is being forced in the mirror while SQLite commits, and is answered when both are done', () => {
    using dir = tempDir();
    const acts: string[] = [];
    const forcer: FileForcer = {
      begin: () => acts.push('begin'),
      finish: () => acts.push('finish'),
      close: () => {},
    };
    const reached = (point: string) => {
      if (point.startsWith('append.')) acts.push(point);
    };
    const open = openMirrored(dir, { newForcer: () => forcer, reached });
    open.decide(1);
    acts.length = 0;
    open.decide(2);
    expect(acts).toEqual(['begin', 'append.before-commit', 'append.before-mirror', 'finish']);
  });

  test('that the mirror does not hold for certain is not answered', () => {
    using dir = tempDir();
    let isBroken = false;
    const finish = () => {
      if (isBroken) throw Object.assign(new Error('EIO: fdatasync'), { code: 'EIO' });
    };
    const forcer: FileForcer = { begin: () => {}, finish, close: () => {} };
    const open = openMirrored(dir, { newForcer: () => forcer });
    open.decide(1);
    isBroken = true;
    expect(() => open.decide(2)).toThrow('EIO');
  });

  test('of several batches is one group of the mirror, whole or not there', () => {
    using dir = tempDir();
    const open = openMirrored(dir);
    const { logId } = open.store.becomeActive({ name: 'mirror', address: '' });
    const redo = new Uint8Array(700_000);
    const branches = [decidedBranch({ kind: 'logged', redo })];
    open.append(
      [1, 2, 3].map((n) => ({ kind: 'commit-decided', gid: gidOf(logId, 1, n), branches })),
    );
    const bytes = readFileSync(dir.file('mirror'));
    expect(readMirror(bytes).frames.at(-1)?.seq).toBe(6);
    const used = bytes.findLastIndex((byte) => byte !== 0);
    const cut = readMirror(bytes.subarray(0, used - 700_000));
    expect(cut.frames.at(-1)?.seq).toBe(3);
    loseDatabase(dir);
    expect(openMirrored(dir).decisions()).toEqual(['1-1', '1-2', '1-3']);
  });
});

describe('a start', () => {
  test('takes a group that the mirror alone holds, writes it into both, and answers the same for ever', () => {
    using dir = tempDir();
    const open = openMirrored(dir);
    open.decide(1);
    const older = newestDatabase(dir.file('log'));
    const files = [older, `${older}-wal`, dir.file('log/tip')].map((path) => {
      return [path, readFileSync(path)] as const;
    });
    open.decide(2);
    for (const [path, bytes] of files) writeFileSync(path, bytes);
    const repairs: string[] = [];
    const again = openMirrored(dir, { onStarted: (log) => repairs.push(...log.repairs) });
    expect(again.decisions()).toEqual(['1-1', '1-2']);
    expect(repairs).toEqual([expect.stringMatching(/^the database lacked records after \d$/)]);
    again.close();
    rmSync(dir.file('mirror'));
    expect(openMirrored(dir).decisions()).toEqual(['1-1', '1-2']);
  });

  test('writes the mirror anew, so that it is complete when the log goes next', () => {
    using dir = tempDir();
    openMirrored(dir).decide(1);
    openMirrored(dir); // killed before anything was appended
    loseDatabase(dir);
    expect(openMirrored(dir).decisions()).toEqual(['1-1']);
  });

  test('refuses a mirror that has lost its first group, when it is all that there is', () => {
    using dir = tempDir();
    const open = openMirrored(dir);
    for (let n = 1; n <= 3; n += 1) open.decide(n);
    loseDatabase(dir);
    writeFileSync(dir.file('mirror'), flipBit(readFileSync(dir.file('mirror')), 30));
    expect(errorOf(() => openMirrored(dir))).toMatchObject({
      code: 'log-damaged',
      message: expect.stringMatching(/records before \d are missing|where it begins/),
    });
  });

  test('refuses when the WAL has lost commits in its middle, and the mirror has lost the same', () => {
    using dir = tempDir();
    const open = openMirrored(dir);
    open.decide(1);
    const wal = `${newestDatabase(dir.file('log'))}-wal`;
    const early = [dir.file('mirror'), dir.file('log/tip')].map((path) => {
      return [path, readFileSync(path)] as const;
    });
    const { length } = readFileSync(wal);
    for (let n = 2; n <= 5; n += 1) open.decide(n);
    writeFileSync(wal, flipBit(readFileSync(wal), length + 100));
    const whole = readFileSync(dir.file('mirror'));
    for (const [path, bytes] of early) writeFileSync(path, bytes); // and the tip was never synced
    expect(errorOf(() => openMirrored(dir)).message).toMatch(
      /^the WAL is damaged: \d commits behind/,
    );
    writeFileSync(dir.file('mirror'), whole);
    expect(openMirrored(dir).decisions()).toHaveLength(5);
  });

  test('tells of a mirror that is damaged in the middle, and keeps a copy of it', () => {
    using dir = tempDir();
    const open = openMirrored(dir);
    for (let n = 1; n <= 4; n += 1) open.decide(n);
    const bytes = readFileSync(dir.file('mirror'));
    const spoilt = flipBit(bytes, bytes.findLastIndex((byte) => byte !== 0) - 600);
    writeFileSync(dir.file('mirror'), spoilt);
    const repairs: string[] = [];
    openMirrored(dir, { onStarted: (log) => repairs.push(...log.repairs) });
    expect(repairs).toEqual(['the mirror was damaged']);
    const [copy = ''] = quarantined(dir);
    expect(readFileSync(`${copy}/mirror`).equals(spoilt)).toBe(true);
  });

  test('reads nothing of a mirror that was dropped when it was ahead of the log', () => {
    using dir = tempDir();
    const open = openMirrored(dir);
    open.decide(1);
    const wal = `${newestDatabase(dir.file('log'))}-wal`;
    const files = [wal, dir.file('log/tip')].map((path) => [path, readFileSync(path)] as const);
    open.decide(2); // of which nobody was told
    for (const [path, bytes] of files) writeFileSync(path, bytes);
    const without = openStore(dir.file('log'), { dropMirror: true });
    without.decide(3);
    without.close();
    expect(openMirrored(dir).decisions()).toEqual(['1-1', '1-3']);
  });

  test('copies aside what the mirror repairs, before it is gone', () => {
    using dir = tempDir();
    openMirrored(dir).decide(1);
    const path = newestDatabase(dir.file('log'));
    const spoilt = Buffer.from('no database at all');
    writeFileSync(path, spoilt);
    rmSync(`${path}-wal`);
    openMirrored(dir);
    const [copy = ''] = quarantined(dir);
    expect(readFileSync(`${copy}/decisions-1.db`).equals(spoilt)).toBe(true);
  });

  test('after a compaction still knows that there is a mirror', () => {
    using dir = tempDir();
    const open = openMirrored(dir);
    open.decide(1);
    while (open.compactStep());
    expect(errorOf(() => openStore(dir.file('log')))).toMatchObject({ code: 'invalid-argument' });
  });
});

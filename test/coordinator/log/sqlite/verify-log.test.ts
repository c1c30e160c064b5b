import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test, vi } from 'vitest';
import { copyLog } from '../../../../coordinator/src/log/sqlite/copy-log.ts';
import { lockFolder, prepareFolder } from '../../../../coordinator/src/log/sqlite/log-folder.ts';
import { verifyLog } from '../../../../coordinator/src/log/sqlite/verify-log.ts';
import { damageChecks } from '../../../disk/damage-checks.ts';
import { makeImages } from '../../../disk/images.ts';
import { type LogFiles, readFiles, writeFiles } from '../../../disk/log-files.ts';
import { tempDir } from '../../../support/temp-dir.ts';
import { errorOf } from './error-of.ts';
import { flipBit, newestDatabase, openStore, type OpenStore } from './log-image.ts';

/** Not collected while their files are looked at: SQLite would tidy those up. */
const killed: OpenStore[] = [];

/** A log of three decisions, killed; `mirrored` beside its folder. */
function killedLog(root: string, isMirrored = false): { dir: string; mirror: string } {
  const dir = join(root, 'log');
  const mirror = join(root, 'mirror');
  const open = openStore(dir, isMirrored ? { mirror } : {});
  for (let n = 1; n <= 3; n += 1) open.decide(n);
  killed.push(open);
  return { dir, mirror };
}

function contentsOf(dir: string): string[] {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true });
  return entries.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return entry.isFile() ? `${path} ${readFileSync(path).toString('latin1')}` : path;
  });
}

describe('verify', () => {
  test('tells what a killed log holds, and changes nothing', () => {
    using root = tempDir();
    const { dir } = killedLog(root.path);
    const before = contentsOf(root.path);
    chmodSync(dir, 0o500);
    const report = verifyLog({ dir });
    chmodSync(dir, 0o700);
    expect(contentsOf(root.path)).toEqual(before);
    expect(report).toMatchObject({
      verdict: 'whole',
      findings: [],
      log: { records: 5, firstSeq: 1, lastSeq: 5 },
      kinds: { epochs: 1, epoch: 1, 'commit-decided': 3 },
      epochs: [{ epoch: 1, lastSeq: 5 }],
      tip: { epoch: 1, seq: 5 },
      database: { state: 'whole', records: 5, path: newestDatabase(dir) },
      wal: { commitsBehindDamage: 0 },
      mirror: undefined,
    });
    expect(report.logId).toMatch(/^[0-9a-f]{12}$/);
    rmSync(join(dir, 'tip'));
    const untold = verifyLog({ dir });
    expect(untold).toMatchObject({ verdict: 'damaged', tip: undefined });
    expect(untold.hint).toContain('--accept-tip-loss');
  });

  test('names what is missing and where, and leaves no copy behind', () => {
    using root = tempDir();
    const { dir } = killedLog(root.path);
    rmSync(`${newestDatabase(dir)}-wal`);
    const temporary = root.file('temporary');
    mkdirSync(temporary);
    vi.stubEnv('TMPDIR', temporary);
    const before = contentsOf(root.path);
    const report = verifyLog({ dir });
    expect(contentsOf(root.path)).toEqual(before);
    vi.unstubAllEnvs();
    expect(report).toMatchObject({ verdict: 'damaged', tip: { seq: 5 }, log: { records: 0 } });
    expect(report.findings).toEqual([
      expect.stringMatching(/^records \d to 5 are missing at the end/),
    ]);
    expect(report.hint).toMatch(/^Put back what is missing.*--mirror FILE/);
  });

  test('reads what a refused start has put into quarantine', () => {
    using root = tempDir();
    const { dir, mirror } = killedLog(root.path, true);
    rmSync(`${newestDatabase(dir)}-wal`);
    writeFileSync(mirror, readFileSync(mirror).subarray(0, 300));
    errorOf(() => openStore(dir, { mirror }));
    const quarantine = join(dir, 'quarantine');
    const copy = join(quarantine, readdirSync(quarantine)[0] ?? '');
    const report = verifyLog({ dir: copy, mirror: join(copy, 'mirror') });
    expect(report).toMatchObject({ verdict: 'damaged', mirror: { state: 'behind' } });
    expect(report.findings[0]).toMatch(/records \d to 6 are missing/);
  });

  test('with the mirror: what one place lacks and the other has is repairable', () => {
    using root = tempDir();
    const { dir, mirror } = killedLog(root.path, true);
    expect(verifyLog({ dir, mirror })).toMatchObject({
      verdict: 'whole',
      mirror: { state: 'whole', records: 6, path: mirror },
    });
    writeFileSync(mirror, flipBit(readFileSync(mirror), 100));
    expect(verifyLog({ dir, mirror })).toMatchObject({
      verdict: 'repairable',
      findings: ['the mirror was damaged'],
      mirror: { state: 'damaged', problem: 'its first group is damaged' },
    });
    rmSync(newestDatabase(dir));
    rmSync(`${newestDatabase(dir)}-wal`, { force: true });
    rmSync(mirror);
    expect(verifyLog({ dir, mirror }).verdict).toBe('damaged');
  });

  test('without the mirror that the log has: checks the log alone, and says so', () => {
    using root = tempDir();
    const { dir, mirror } = killedLog(root.path, true);
    const report = verifyLog({ dir });
    expect(report).toMatchObject({
      verdict: 'whole',
      mirror: { state: 'not-named', path: mirror },
    });
  });

  test('of a later version says so, and not more', () => {
    using root = tempDir();
    const { dir } = killedLog(root.path);
    openStore(dir).close();
    const database = new Database(newestDatabase(dir));
    database.pragma('user_version = 99');
    database.close();
    expect(verifyLog({ dir })).toMatchObject({
      verdict: 'newer',
      findings: [expect.stringContaining('version 99')],
    });
  });

  test('refuses a folder that a coordinator holds, and one without a log', () => {
    using root = tempDir();
    const { dir } = killedLog(root.path);
    const lock = lockFolder(dir);
    expect(errorOf(() => verifyLog({ dir }))).toMatchObject({ code: 'log-locked' });
    lock.release();
    expect(verifyLog({ dir }).verdict).toBe('whole');
    const empty = root.file('empty');
    prepareFolder(empty);
    for (const none of [empty, root.file('nothing')]) {
      expect(errorOf(() => verifyLog({ dir: none }))).toMatchObject({ code: 'invalid-argument' });
    }
  });

  test('refuses files that changed while they were copied', () => {
    using root = tempDir();
    const { dir } = killedLog(root.path);
    using unchanged = copyLog(dir, undefined);
    expect(readFileSync(join(unchanged.dir, 'tip')).equals(readFileSync(join(dir, 'tip')))).toBe(
      true,
    );
    const start = () => openStore(dir).close();
    expect(errorOf(() => copyLog(dir, undefined, start))).toMatchObject({ code: 'log-locked' });
  });

  test('does not free the lock of the coordinator that it finds', () => {
    using root = tempDir();
    const { dir } = killedLog(root.path);
    const lock = lockFolder(dir);
    errorOf(() => verifyLog({ dir }));
    expect(errorOf(() => lockFolder(dir))).toMatchObject({ code: 'log-locked' });
    lock.release();
  });
});

test('verify says of any damage what a start then does', { timeout: 60_000 }, () => {
  // In memory where there is such a folder: nothing here depends on what is forced.
  if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');
  using root = tempDir();
  const images = makeImages(root.file('images'));
  const seen = new Set<string>();
  const dir = root.file('trial');
  mkdirSync(dir);
  for (const check of damageChecks) {
    let n = 0;
    for (const lazy of check.trials(images, 'sample')) {
      n += 1;
      const trial = n % 16 === 1 ? lazy() : undefined;
      if (!trial) continue;
      const { files, hasMirror = false } = trial;
      const mirror = hasMirror ? join(dir, 'mirror') : undefined;
      writeFiles(dir, files);
      const { verdict } = verifyLog({ dir, mirror });
      expect(sameFiles(readFiles(dir), files), trial.what).toBe(true);
      seen.add(verdict);
      expect(startOf(dir, mirror), trial.what).toBe(verdict);
    }
  }
  vi.unstubAllEnvs();
  expect(seen).toEqual(new Set(['whole', 'repairable', 'damaged']));
});

/** How a start ends on the folder, in the words of `verify`. */
function startOf(dir: string, mirror: string | undefined): string {
  const repairs: string[] = [];
  try {
    const open = openStore(dir, { mirror, onStarted: (log) => repairs.push(...log.repairs) });
    open.close();
  } catch (error) {
    const { code } = error as { code?: string };
    return code === 'log-newer' ? 'newer' : 'damaged';
  }
  return repairs.length > 0 ? 'repairable' : 'whole';
}

function sameFiles(found: LogFiles, expected: LogFiles): boolean {
  if (found.size !== expected.size) return false;
  return [...expected].every(([name, bytes]) => found.get(name)?.equals(bytes));
}

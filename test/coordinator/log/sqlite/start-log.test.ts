import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LogId } from '@unanimous/proto';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { lockFolder, prepareFolder } from '../../../../coordinator/src/log/sqlite/log-folder.ts';
import { schemaVersion } from '../../../../coordinator/src/log/sqlite/schema.ts';
import { SqliteDecisionLog } from '../../../../coordinator/src/log/sqlite/sqlite-decision-log.ts';
import { verifyLog } from '../../../../coordinator/src/log/sqlite/verify-log.ts';
import type { LogRecord } from '../../../../coordinator/src/protocol/record.ts';
import { type TempDir, tempDir } from '../../../support/temp-dir.ts';
import { decidedBranch, gidOf } from '../log-records.ts';
import { newestDatabase, openStore } from './log-image.ts';
import { errorOf } from './error-of.ts';

/** What version 1 of the log was given, by a program of that version. */
function recordsOfVersion1(logId: LogId): LogRecord[] {
  const gid = (counter: number) => gidOf(logId, 1, counter);
  const redo = new Uint8Array([0, 1, 127, 128, 254, 255]);
  const branch = decidedBranch({ incarnation: 'i1', receipt: 'r1' });
  const event = { ...branch, branch: 2, rm: 'events', kind: 'logged', receipt: '', redo } as const;
  const why = { message: 'nobody knows', hint: 'look', rm: 'orders-db', retryable: false };
  const reason = { code: 'unknown', ...why } as const;
  const word = { reason: 'repaired', operator: 'ada', at: '2026-01-01T00:00:00.000Z' };
  return [
    { kind: 'rm-registered', rm: 'orders-db', identity: 'native pg:1' },
    { kind: 'commit-decided', gid: gid(1), branches: [branch, event] },
    { kind: 'delegated', gid: gid(2), branch: { ...branch, receipt: 'r2' } },
    {
      ...{ kind: 'last-asked', gid: gid(3) },
      branch: { ...branch, kind: 'last', rm: 'payments' },
      others: [event],
    },
    { kind: 'commit-decided', gid: gid(4), branches: [{ ...branch, receipt: 'r4' }] },
    { kind: 'ended', gid: gid(4) },
    {
      ...{ kind: 'heuristic', gid: gid(5), decision: 'aborted', result: 'committed', reason },
      branch: { ...branch, receipt: 'r5', redo },
    },
    { kind: 'resolved', gid: gid(5), branch: 1, resolution: 'committed', ...word },
  ];
}

/** A folder with three decisions, closed. */
function folderWithDecisions(): TempDir {
  const dir = tempDir();
  const open = openStore(dir.path);
  open.store.becomeActive({ name: 'a', address: '' });
  for (let n = 1; n <= 3; n += 1) open.decide(n);
  open.close();
  return dir;
}

describe('versions', () => {
  test('a newer version is refused, both are named, nothing is touched', () => {
    using dir = folderWithDecisions();
    const newer = schemaVersion + 2;
    const path = newestDatabase(dir.path);
    const database = new Database(path);
    database.pragma(`user_version = ${newer}`);
    database.close();
    const bytes = readFileSync(path);
    expect(errorOf(() => openStore(dir.path))).toMatchObject({
      code: 'log-newer',
      message: `the log has version ${newer}, this program reads up to version ${schemaVersion}`,
    });
    expect(readdirSync(dir.path).toSorted()).toEqual(['decisions-1.db', 'tip']);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  test('an older version is migrated step by step, in the copy', () => {
    using dir = folderWithDecisions();
    const path = newestDatabase(dir.path);
    const database = new Database(path);
    // As if an older version had named its table and its column in another way.
    database.exec('alter table log rename to decisions; alter table decisions rename seq to n');
    database.pragma('user_version = 1');
    database.close();
    const steps: number[] = [];
    const open = openStore(dir.path, {
      schemaVersion: 3,
      migrations: {
        1: (older) => {
          steps.push(1);
          older.exec('alter table decisions rename to log');
        },
        2: (older) => {
          steps.push(2);
          older.exec('alter table log rename n to seq');
        },
      },
    });
    expect(steps).toEqual([1, 2]);
    expect(open.decisions()).toEqual(['1-1', '1-2', '1-3']);
    open.close();
  });

  describe('a log of version 1, as a coordinator of that version has left it', () => {
    const old = fileURLToPath(new URL('version-1/', import.meta.url));
    const checkContent = async (log: SqliteDecisionLog) => {
      const records: LogRecord[] = [];
      const { logId } = await log.open();
      await log.follow((entries) => records.push(...entries.map(({ record }) => record)));
      await log.close();
      expect(records).toEqual(recordsOfVersion1(logId));
    };

    test('is read whole, and written as one of ours', async () => {
      using dir = tempDir();
      cpSync(old, dir.path, { recursive: true });
      const options = { dir: dir.path, mirror: dir.file('mirror') };
      expect(verifyLog(options)).toMatchObject({ verdict: 'whole', log: { records: 11 } });
      await checkContent(new SqliteDecisionLog(options));
      const database = new Database(newestDatabase(dir.path), { readonly: true });
      expect(database.pragma('user_version', { simple: true })).toBe(2);
      database.close();
      await checkContent(new SqliteDecisionLog(options));
    });

    test('is read from its mirror where the database is lost', async () => {
      using dir = tempDir();
      cpSync(old, dir.path, { recursive: true });
      writeFileSync(newestDatabase(dir.path), 'damaged');
      const options = { dir: dir.path, mirror: dir.file('mirror') };
      expect(verifyLog(options)).toMatchObject({ verdict: 'repairable' });
      await checkContent(new SqliteDecisionLog(options));
    });
  });

  test('a version that never was is damage', () => {
    using dir = folderWithDecisions();
    const database = new Database(newestDatabase(dir.path));
    database.pragma('user_version = 0');
    database.close();
    expect(errorOf(() => openStore(dir.path)).code).toBe('log-damaged');
  });
});

describe('generations', () => {
  test('the newest counts, whatever older files lie around', () => {
    using dir = folderWithDecisions();
    writeFileSync(dir.file('decisions-1.db-wal'), readFileSync(newestDatabase(dir.path)));
    const open = openStore(dir.path);
    expect(open.decisions()).toEqual(['1-1', '1-2', '1-3']);
    open.close();
    expect(readdirSync(dir.path).toSorted()).toEqual(['decisions-2.db', 'tip']);
  });

  test('an older whole one, left by a crash before its removal, does not', () => {
    using dir = folderWithDecisions();
    const older = readFileSync(dir.file('decisions-1.db'));
    const open = openStore(dir.path);
    open.decide(4);
    open.close();
    writeFileSync(dir.file('decisions-1.db'), older);
    const again = openStore(dir.path);
    expect(again.decisions()).toEqual(['1-1', '1-2', '1-3', '1-4']);
    again.close();
  });

  test('a WAL without a database never meets a new one', () => {
    using dir = folderWithDecisions();
    writeFileSync(dir.file('decisions-2.db-wal'), 'stale');
    openStore(dir.path).close();
    expect(readdirSync(dir.path)).toContain('decisions-3.db');
  });

  test('what an interrupted start left is removed', () => {
    using dir = folderWithDecisions();
    writeFileSync(dir.file('decisions-2.db.tmp'), 'half');
    writeFileSync(dir.file('decisions-2.db.tmp-wal'), 'half');
    mkdirSync(dir.file('reading-abc'));
    writeFileSync(dir.file('reading-abc/decisions.db'), 'copy');
    openStore(dir.path).close();
    expect(readdirSync(dir.path).toSorted()).toEqual(['decisions-2.db', 'tip']);
  });
});

describe('the folder', () => {
  test('is made when it is missing', () => {
    using dir = tempDir();
    prepareFolder(dir.file('a/b/c'));
    prepareFolder(dir.file('a/b/c'));
    expect(readdirSync(dir.file('a/b'))).toEqual(['c']);
  });

  test('is refused when it is a link, a file, or open to others', () => {
    using dir = tempDir();
    symlinkSync(dir.path, dir.file('link'));
    expect(errorOf(() => prepareFolder(dir.file('link'))).message).toMatch(/link/);
    writeFileSync(dir.file('file'), '');
    expect(errorOf(() => prepareFolder(dir.file('file'))).message).toMatch(/file|EEXIST/);
    for (const mode of [0o770, 0o702]) {
      const open = dir.file(`open-${mode}`);
      mkdirSync(open);
      chmodSync(open, mode);
      expect(errorOf(() => prepareFolder(open))).toMatchObject({
        code: 'invalid-argument',
        message: expect.stringContaining('may be written by others'),
        hint: `chmod go-w ${open}`,
      });
    }
  });

  test('has one holder at a time, also within a process', () => {
    using dir = tempDir();
    const lock = lockFolder(dir.path);
    expect(errorOf(() => lockFolder(dir.path))).toMatchObject({
      code: 'log-locked',
      message: expect.stringContaining(dir.path),
    });
    lock.release();
    lockFolder(dir.path).release();
    expect(readdirSync(dir.path)).toEqual(['lock.db']);
  });
});

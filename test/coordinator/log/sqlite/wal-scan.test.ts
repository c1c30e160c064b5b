import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scanWal } from '../../../../coordinator/src/log/sqlite/wal-scan.ts';
import { type TempDir, tempDir } from '../../../support/temp-dir.ts';
import { flipBit } from './log-image.ts';

const commitCount = 30;
const frameBytes = 24 + 4_096;

let dir: TempDir;
let wal: Buffer;
let reused: Buffer;

beforeAll(() => {
  dir = tempDir();
  const database = new Database(dir.file('a.db'));
  database.pragma('journal_mode = wal');
  database.pragma('synchronous = full');
  database.exec('create table t (x)');
  database.pragma('wal_checkpoint(truncate)');
  const insert = database.prepare('insert into t values (?)');
  for (let n = 0; n < commitCount; n += 1) insert.run(n);
  wal = readFileSync(dir.file('a.db-wal'));
  database.pragma('wal_checkpoint(passive)');
  insert.run(99); // begins the WAL anew: one frame, old ones behind it
  reused = readFileSync(dir.file('a.db-wal'));
  database.close();
});

afterAll(() => dir.remove());

test('a whole WAL shows all its frames and no damage', () => {
  expect(scanWal(wal)).toEqual({ wholeFrameCount: commitCount, commitsBehindDamage: 0 });
});

test('frames of an earlier round are no damage', () => {
  expect(reused.length).toBe(wal.length);
  expect(scanWal(reused)).toEqual({ wholeFrameCount: 1, commitsBehindDamage: 0 });
});

test('damage before the last transaction is proven, wherever it is', () => {
  let proven = 0;
  const lastFrameAt = wal.length - frameBytes;
  for (let at = 32; at < lastFrameAt; at += 997) {
    if (scanWal(flipBit(wal, at)).commitsBehindDamage >= 2) proven += 1;
    else expect((at - 32) % frameBytes).toBeLessThan(24); // in the last but one's own header
  }
  expect(proven).toBeGreaterThan(100);
});

test('a torn end proves nothing, wherever it is torn', () => {
  for (let length = 0; length <= wal.length; length += 1_031) {
    expect(scanWal(wal.subarray(0, length)).commitsBehindDamage).toBe(0);
  }
});

test('a last transaction that was written in part proves nothing', () => {
  const torn = Buffer.from(wal);
  torn.fill(0, wal.length - 2_000);
  expect(scanWal(torn)).toEqual({ wholeFrameCount: commitCount - 1, commitsBehindDamage: 1 });
});

test('a damaged header proves nothing: a crash may leave one', () => {
  for (let at = 0; at < 32; at += 1) {
    expect(scanWal(flipBit(wal, at)).wholeFrameCount).toBe(0);
  }
});

test('no bytes, and noise, are no WAL', () => {
  const none = { wholeFrameCount: 0, commitsBehindDamage: 0 };
  expect(scanWal(Buffer.alloc(0))).toEqual(none);
  expect(scanWal(Buffer.alloc(100_000, 0x5a))).toEqual(none);
});

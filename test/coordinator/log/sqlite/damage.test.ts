import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { UnanimousError } from '@unanimous/proto';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeFrames, writeFrame } from '../../../../coordinator/src/log/record-codec.ts';
import type { LogRow } from '../../../../coordinator/src/log/sqlite/schema.ts';
import { type TempDir, tempDir } from '../../../support/temp-dir.ts';
import { flipBit, type LogImage, openStore, readImage, writeImage } from './log-image.ts';

const decisionCount = 40;
const allDecisions = Array.from({ length: decisionCount }, (_, n) => `1-${n + 1}`);

let root: TempDir;
/** Killed with everything in its WAL. */
let crashed: LogImage;
/** Closed in order: no WAL. */
let closed: LogImage;
/** Killed after the fortieth decision, the witness of the thirty-ninth. */
let tipBehind: LogImage;
let trialCount = 0;

beforeAll(() => {
  root = tempDir();
  const open = openStore(root.file('source'));
  open.store.becomeActive({ name: 'source', address: '' });
  for (let n = 1; n < decisionCount; n += 1) open.decide(n);
  const { tip } = readImage(root.file('source'));
  open.decide(decisionCount);
  crashed = readImage(root.file('source'));
  tipBehind = { ...crashed, tip };
  open.close();
  closed = readImage(root.file('source'));
});

afterAll(() => root.remove());

/** The decisions that a start on these files would answer by, or the error that refuses it. */
function startOn(image: LogImage): { decisions?: string[]; error?: UnanimousError; dir: string } {
  const dir = root.file(`trial-${(trialCount += 1)}`);
  writeImage(dir, image);
  try {
    const open = openStore(dir);
    const decisions = open.decisions();
    open.close();
    return { decisions, dir };
  } catch (error) {
    // A refusal has a code: ours, or that of SQLite or the file system (which becomes log-failed).
    expect(error).toMatchObject({ code: expect.any(String) });
    return { error: UnanimousError.from(error), dir };
  }
}

/** Starts on each image; says how many were refused. Anything but a refusal must be the truth. */
function refusedCount(images: Iterable<LogImage>): number {
  let refused = 0;
  for (const image of images) {
    const { decisions, error, dir } = startOn(image);
    if (error) refused += 1;
    else expect(decisions).toEqual(allDecisions);
    rmSync(dir, { recursive: true });
  }
  return refused;
}

function* everyNth(length: number, count: number): Generator<number> {
  for (let n = 0; n < count; n += 1) yield Math.floor(((n + 0.5) * length) / count);
}

function* flips(
  bytes: Buffer,
  count: number,
  put: (flipped: Buffer) => LogImage,
): Generator<LogImage> {
  for (const at of everyNth(bytes.length, count)) yield put(flipBit(bytes, at));
}

describe('a start', () => {
  test('after kill -9 finds everything, from the WAL', () => {
    expect(crashed.wal?.length).toBeGreaterThan(100_000);
    expect(startOn(crashed).decisions).toEqual(allDecisions);
  });

  test('after a clean stop finds everything, without a WAL', () => {
    expect(closed.wal).toBeUndefined();
    expect(startOn(closed).decisions).toEqual(allDecisions);
  });

  test('finds a record that the witness does not know yet', () => {
    expect(startOn(tipBehind).decisions).toEqual(allDecisions);
  });

  test('drops a torn last transaction that nobody was told of', () => {
    const wal = crashed.wal?.subarray(0, crashed.wal.length - 100);
    const { decisions } = startOn({ ...tipBehind, wal });
    expect(decisions).toEqual(allDecisions.slice(0, -1));
  });

  test('drops one that is whole in length and not in its bytes', () => {
    const wal = crashed.wal && flipBit(crashed.wal, crashed.wal.length - 100);
    const { decisions } = startOn({ ...tipBehind, wal });
    expect(decisions).toEqual(allDecisions.slice(0, -1));
  });
});

describe('a start is refused, with a copy of the files and the seqs that are lost, when', () => {
  function expectRefused(image: LogImage, message: RegExp): void {
    const { error, dir } = startOn(image);
    expect(error).toMatchObject({ code: 'log-damaged', message: expect.stringMatching(message) });
    const copy = /copied to (.*)$/.exec(error?.message ?? '')?.[1] ?? '';
    const pairs = [
      ['decisions-7.db', image.database],
      ['decisions-7.db-wal', image.wal],
      ['tip', image.tip],
    ] as const;
    for (const [name, bytes] of pairs) {
      for (const folder of [dir, copy]) {
        expect(existsSync(join(folder, name))).toBe(bytes !== undefined);
        if (bytes) expect(readFileSync(join(folder, name)).equals(bytes), name).toBe(true);
      }
    }
    expect(listGenerated(dir)).toEqual(['decisions-7.db', 'quarantine']);
  }

  test('the WAL is gone', () => {
    // The epoch record and forty decisions.
    expectRefused({ ...crashed, wal: undefined }, /records 2 to 42 are missing/);
  });

  test('the WAL was cut at a commit', () => {
    const wal = crashed.wal?.subarray(0, 32 + 20 * 4_120);
    expectRefused({ ...crashed, wal }, /records \d+ to 42 are missing/);
  });

  test('the WAL is damaged in the middle, even when the witness is lost too', () => {
    const wal = flipBit(crashed.wal ?? Buffer.alloc(0), 20_000);
    expectRefused({ ...crashed, wal }, /records \d+ to 42 are missing/);
    expectRefused({ ...crashed, wal, tip: undefined }, /commits behind record \d+ can't be read/);
  });

  test('a record in the middle is changed', () => {
    const at = closed.database.indexOf('1-17"');
    expectRefused({ ...closed, database: flipBit(closed.database, at) }, /checksum .* is wrong/);
  });

  test('a row in the middle is gone', () => {
    const database = changeDatabase('delete from log where seq = 20');
    expectRefused({ ...closed, database }, /records 20 to 20 are missing/);
  });

  test('a record is put in the place of another', () => {
    const database = changeDatabase(
      'update log set batch = (select batch from log where seq = 21) where seq = 20',
    );
    expectRefused({ ...closed, database }, /holds other records than it should/);
  });

  test('a whole record stands in the place of another one, of another history', () => {
    const database = changeDatabase((open) => {
      const { batch } = open.prepare('select batch from log where seq = 20').get() as LogRow;
      const [frame] = decodeFrames(batch);
      if (!frame) throw new Error('no frame');
      const forged = { ...frame, payload: frame.payload.replace('orders-db', 'orders-DB') };
      const bytes = writeFrame(Buffer.alloc(batch.length), 0, forged, batch.length);
      open.prepare('update log set batch = ? where seq = 20').run(bytes);
    });
    expectRefused({ ...closed, database }, /record 21 does not continue record 20/);
  });

  test('the tip row or the low-water row is not as it was written', () => {
    const shortened = changeDatabase('update tail set seq = 41');
    expectRefused({ ...closed, database: shortened }, /its tail says record 41/);
    const raised = changeDatabase(
      'delete from log where seq < 9; update low_water set first_seq = 9',
    );
    expectRefused({ ...closed, database: raised }, /where the log begins is wrong/);
  });

  test('the database is older than the witness', () => {
    const dir = root.file('older');
    const open = openStore(dir);
    open.store.becomeActive({ name: 'older', address: '' });
    for (let n = 1; n <= 5; n += 1) open.decide(n);
    const older = readImage(dir);
    for (let n = 6; n <= 9; n += 1) open.decide(n);
    const { tip } = readImage(dir);
    open.close();
    expectRefused({ ...older, tip }, /records 8 to 11 are missing/);
  });

  test('the witness is gone, or neither of its slots is whole', () => {
    expectRefused({ ...closed, tip: undefined }, /tip file is missing/);
    expectRefused({ ...closed, tip: Buffer.alloc(8_192) }, /tip file is missing/);
  });

  test('the witness is of another log, or of another history of this one', () => {
    const other = openStore(root.file('other'));
    other.store.becomeActive({ name: 'other', address: '' });
    for (let n = 1; n <= decisionCount; n += 1) other.decide(n);
    other.close();
    expectRefused({ ...closed, tip: readImage(root.file('other')).tip }, /files were mixed/);
    const forked = startOn({ ...closed, tip: otherChain(closed.tip) });
    expect(forked.error?.message).toMatch(/record 42 is not the one that was acknowledged/);
  });

  test('the database is gone', () => {
    const dir = root.file('gone');
    writeImage(dir, closed);
    rmSync(join(dir, 'decisions-7.db'));
    expect(() => openStore(dir)).toThrow(/records 1 to 42 are missing/);
  });
});

test('a lost witness can be accepted', () => {
  const dir = root.file('accepted');
  writeImage(dir, { ...closed, tip: undefined });
  const open = openStore(dir, { acceptTipLoss: true });
  expect(open.decisions()).toEqual(allDecisions);
  open.close();
});

test('refused again and again, the files are copied once', () => {
  const dir = root.file('again');
  writeImage(dir, { ...crashed, wal: undefined });
  for (let start = 0; start < 3; start += 1) expect(() => openStore(dir)).toThrow(/are missing/);
  expect(readdirSync(join(dir, 'quarantine'))).toHaveLength(1);
});

describe('never a wrong answer:', () => {
  test('a flipped bit anywhere in the WAL', () => {
    const { wal = Buffer.alloc(0) } = crashed;
    const refused = refusedCount(flips(wal, 100, (flipped) => ({ ...crashed, wal: flipped })));
    expect(refused).toBeGreaterThan(80);
  });

  test('a flipped bit anywhere in the database', () => {
    const images = flips(closed.database, 100, (database) => ({ ...closed, database }));
    expect(refusedCount(images)).toBeGreaterThan(20);
  });

  test('a flipped bit anywhere in the slots of the witness', () => {
    const { tip = Buffer.alloc(0) } = closed;
    const slot = (at: number) => flipBit(tip, at);
    const images = [...everyNth(42, 42)].flatMap((at) => [
      { ...closed, tip: slot(at) },
      { ...closed, tip: slot(4_096 + at) },
    ]);
    expect(refusedCount(images)).toBe(0); // the other slot is whole
  });

  test('a file cut anywhere', () => {
    const { wal = Buffer.alloc(0) } = crashed;
    const cutWal = [...everyNth(wal.length, 30)].map((length) => {
      return { ...crashed, wal: wal.subarray(0, length) };
    });
    expect(refusedCount(cutWal)).toBe(30);
    const cutDatabase = [...everyNth(closed.database.length, 20)].map((length) => {
      return { ...closed, database: closed.database.subarray(0, length) };
    });
    expect(refusedCount(cutDatabase)).toBe(20);
  });

  test('a page of noise in either file', () => {
    const noise = Buffer.alloc(4_096, 0xa5);
    const spoil = (bytes: Buffer, at: number) => {
      const spoilt = Buffer.from(bytes);
      noise.copy(spoilt, at);
      return spoilt;
    };
    const { wal = Buffer.alloc(0) } = crashed;
    const inWal = [...everyNth(wal.length, 30)].map((at) => ({ ...crashed, wal: spoil(wal, at) }));
    const inDatabase = [...everyNth(closed.database.length, 10)].map((at) => {
      return { ...closed, database: spoil(closed.database, at) };
    });
    expect(refusedCount([...inWal, ...inDatabase])).toBeGreaterThan(30);
  });
});

function listGenerated(dir: string): string[] {
  return readdirSync(dir).filter((name) => name !== 'tip' && !name.endsWith('-wal'));
}

/** The closed database after a change that leaves SQLite's own structure whole. */
function changeDatabase(change: string | ((open: Database.Database) => void)): Buffer {
  const dir = root.file(`change-${(trialCount += 1)}`);
  writeImage(dir, closed);
  const database = new Database(join(dir, 'decisions-7.db'));
  if (typeof change === 'string') database.exec(change);
  else change(database);
  database.close();
  return readImage(dir).database;
}

/** A witness with the right checksum and another chain hash. */
function otherChain(tip: Buffer | undefined): Buffer {
  const bytes = Buffer.from(tip ?? Buffer.alloc(0));
  for (const at of [0, 4_096]) {
    bytes.writeUInt8(bytes.readUInt8(at + 22) ^ 1, at + 22);
    bytes.writeUInt32BE(crc32(bytes.subarray(at, at + 38)), at + 38);
  }
  return bytes;
}

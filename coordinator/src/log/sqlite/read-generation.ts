import { constants, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type LogId, UnanimousError } from '@unanimous/proto/vocabulary';
import Database from 'better-sqlite3';
import { checkEpochs, type EpochTable, lastEpoch, noteEpoch } from '../epoch-table.ts';
import type { ChainEnd } from '../record-chain.ts';
import { decodeFrames, type ReadFrame } from '../record-codec.ts';
import { type LogRow, type Migrations, readLowWater, type TailRow } from './schema.ts';
import type { Side } from './unite-sides.ts';
import { scanWal, type WalScan } from './wal-scan.ts';

/** Everything that a generation holds, checked record by record. */
export interface GenerationContent {
  readonly frames: readonly ReadFrame[];
  readonly epochs: EpochTable;
  readonly end: ChainEnd;
  readonly walScan: WalScan;
}

/** Which versions of the files can be read. */
export interface ReadableVersions {
  readonly schemaVersion: number;
  readonly migrations: Migrations;
}

/**
 * Reads a generation from a copy in a subfolder of `dir`: SQLite would drop what stands behind
 * damage in the WAL, and delete the WAL when it closes, so it never meets the original unchecked.
 * Does not know how long the log should be; compare `end` with the tip witness.
 * @throws UnanimousError `log-newer`, `log-damaged`; others as the file system threw them.
 */
export function readGeneration(
  dir: string,
  path: string,
  versions: ReadableVersions,
): GenerationContent {
  return onCopy(dir, path, (copy) => {
    const wal = `${copy}-wal`;
    const nothing = { wholeFrameCount: 0, commitsBehindDamage: 0 };
    const walScan = existsSync(wal) ? scanWal(readFileSync(wal)) : nothing;
    return { ...readDatabase(copy, versions), walScan };
  });
}

/**
 * What a damaged generation still holds: the records that are whole, and where it begins. They prove
 * nothing by themselves; a mirror must hold the rest.
 */
export function salvageGeneration(dir: string, path: string): Side {
  return onCopy(dir, path, (copy) => {
    const frames: ReadFrame[] = [];
    let begin: Side['begin'];
    try {
      const database = new Database(copy);
      try {
        const { firstSeq, prev } = readLowWater(database);
        begin = { seq: firstSeq, prev };
        for (const row of rowsOf(database)) frames.push(...framesOrNone(row));
      } finally {
        database.close();
      }
    } catch {
      // What could be read so far is what there is.
    }
    return { frames, begin };
  });
}

function framesOrNone(row: LogRow): ReadFrame[] {
  try {
    return decodeFrames(row.batch);
  } catch {
    return [];
  }
}

/** Works on a copy of a database and its WAL, and removes it. */
function onCopy<T>(dir: string, path: string, work: (copy: string) => T): T {
  const readingDir = mkdtempSync(join(dir, 'reading-'));
  try {
    const copy = join(readingDir, 'decisions.db');
    copyFileSync(path, copy, constants.COPYFILE_FICLONE);
    if (existsSync(`${path}-wal`)) {
      copyFileSync(`${path}-wal`, `${copy}-wal`, constants.COPYFILE_FICLONE);
    }
    return work(copy);
  } finally {
    rmSync(readingDir, { recursive: true, force: true });
  }
}

/** NOT INDEXED and in order: an index or a look-up could hide a row that a scan shows. */
function rowsOf(database: Database.Database): Iterable<LogRow> {
  const rows = database.prepare('select seq, count, batch from log not indexed order by seq');
  return rows.iterate() as Iterable<LogRow>;
}

function readDatabase(
  path: string,
  versions: ReadableVersions,
): Omit<GenerationContent, 'walScan'> {
  try {
    const database = new Database(path);
    try {
      database.pragma('synchronous = off');
      migrate(database, versions);
      return readLog(database);
    } finally {
      database.close();
    }
  } catch (error) {
    throw isDamage(error)
      ? new UnanimousError('log-damaged', error.message, { cause: error })
      : error;
  }
}

function isDamage(error: unknown): error is Error {
  const { code = '' } = error as { code?: string };
  // SQLITE_ERROR: a table or column is missing, so the schema is not as it was written.
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB' || code === 'SQLITE_ERROR';
}

function migrate(
  database: Database.Database,
  { schemaVersion, migrations }: ReadableVersions,
): void {
  let version = Number(database.pragma('user_version', { simple: true }));
  if (version > schemaVersion) {
    throw new UnanimousError(
      'log-newer',
      `the log has version ${version}, this program reads up to version ${schemaVersion}`,
    );
  }
  for (; version < schemaVersion; version += 1) {
    const migration = migrations[version];
    if (!migration) throw damaged(`there is no version ${version} of the log`);
    database.transaction(() => migration(database)).immediate();
  }
}

/** Reads all records in the order of the log; every gap, forgery and flipped bit shows. */
function readLog(database: Database.Database): Omit<GenerationContent, 'walScan'> {
  const lowWater = readLowWater(database);
  const frames: ReadFrame[] = [];
  const epochs: EpochTable = new Map();
  let end: { logId: LogId | undefined; seq: number; chain: string } = {
    logId: undefined,
    seq: lowWater.firstSeq - 1,
    chain: lowWater.prev,
  };
  for (const row of rowsOf(database)) {
    for (const frame of readRow(row)) {
      checkFollows(end, frame);
      noteEpoch(epochs, frame);
      frames.push(frame);
      end = { logId: frame.logId, seq: frame.seq, chain: frame.chain };
    }
  }
  const { logId } = end;
  if (logId === undefined) throw damaged('the log is empty');
  checkEpochs(epochs);
  checkTail(database, { epoch: lastEpoch(epochs), seq: end.seq });
  return { frames, epochs, end: { ...end, logId } };
}

/**
 * The frames of a row.
 * @throws UnanimousError `log-damaged`, naming the records concerned.
 */
export function readRow(row: LogRow): ReadFrame[] {
  // Damage knows no types, not even those of a strict table.
  if (typeof row.count !== 'number' || !Buffer.isBuffer(row.batch)) {
    throw damaged(`the row at record ${row.seq} is not as it was written`);
  }
  let frames: ReadFrame[];
  try {
    frames = decodeFrames(row.batch);
  } catch (error) {
    const { code, message } = UnanimousError.from(error, 'log-damaged');
    const last = row.seq + row.count - 1;
    throw new UnanimousError(code, `records ${row.seq} to ${last}: ${message}`, { cause: error });
  }
  if (frames.length !== row.count || frames[0]?.seq !== row.seq) {
    throw damaged(`the batch at record ${row.seq} holds other records than it should`);
  }
  return frames;
}

/**
 * Passes when a frame is the next behind `end`.
 * @throws UnanimousError `log-damaged`.
 */
export function checkFollows(
  end: { readonly logId?: LogId | undefined; readonly seq: number; readonly chain: string },
  frame: ReadFrame,
): void {
  if (frame.seq !== end.seq + 1) {
    throw damaged(`records ${end.seq + 1} to ${frame.seq - 1} are missing`);
  }
  if (frame.prev !== end.chain || (end.logId !== undefined && end.logId !== frame.logId)) {
    throw damaged(`record ${frame.seq} does not continue record ${end.seq}`);
  }
}

function checkTail(database: Database.Database, expected: TailRow): void {
  const tail = database.prepare('select epoch, seq from tail').get() as TailRow | undefined;
  if (tail && (typeof tail.epoch !== 'number' || typeof tail.seq !== 'number')) {
    throw damaged('the row that says where the log ends is wrong');
  }
  if (tail?.epoch !== expected.epoch || tail.seq !== expected.seq) {
    throw damaged(
      `the log ends at record ${expected.seq} of epoch ${expected.epoch}, but its tail says ` +
        `record ${tail?.seq} of epoch ${tail?.epoch}`,
    );
  }
}

function damaged(message: string): UnanimousError {
  return new UnanimousError('log-damaged', message);
}

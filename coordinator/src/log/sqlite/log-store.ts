import { randomBytes } from 'node:crypto';
import { type LogId, UnanimousError } from '@unanimous/proto/vocabulary';
import Database, { type Statement } from 'better-sqlite3';
import type { Holder, Incarnation, LogPosition } from '../decision-log.ts';
import { epochRecord, type EpochTable, lastEpoch, reaches } from '../epoch-table.ts';
import { type Batch, type KeptRecord, type ChainEnd, chainRecords } from '../record-chain.ts';
import type { Unplaced } from '../record-chain.ts';
import { isRecordKind, type ReadFrame } from '../record-codec.ts';
import { isNeeded, mayGoAlone, noteDropped, noteRecord } from '../retention.ts';
import type { Retention, RetentionKey } from '../retention.ts';
import type { OnCrashPoint } from './crash-points.ts';
import type { MirrorFile } from './mirror-file.ts';
import { engineRecords, type MirrorNote } from './mirror-note.ts';
import type { PendingRecord } from './pending-record.ts';
import { checkFollows, readRow } from './read-generation.ts';
import { retentionKey } from './retention-key.ts';
import { type LogRow, maxBatchBytes, readLowWater, writeLowWater } from './schema.ts';
import type { StartedLog } from './start-log.ts';

/** Limits of the WAL: it is rewritten from its start after this many pages (4 KiB each). */
const walPages = 1_000;
const walKeptBytes = 67_108_864;

/** About how much one step of a compaction reads: appends wait as long as it takes. */
const stepBytes = 262_144;

/** A mirror is written anew when it is larger than twice what is needed, and so much. */
const mirrorSlackBytes = 1_048_576;

/**
 * The running log: one generation in SQLite. All methods are synchronous and durable when they
 * return. After one has thrown the store must not be used again: SQLite may show other rows than
 * the disk holds, and a second try would change history.
 */
export class LogStore {
  readonly #database: Database.Database;
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #reached: OnCrashPoint;
  readonly #epochs: EpochTable;
  readonly #retention: Retention;
  readonly #mirror: MirrorFile | undefined;
  readonly #mirrorNote: MirrorNote | undefined;
  #end: ChainEnd;
  #epoch: number;
  /** What the start has just written; until something else is. */
  #started: readonly KeptRecord[] | undefined;
  /** The row that was read last: positions that are asked for lie close together. */
  #lastRow: readonly ReadFrame[] = [];

  constructor(
    path: string,
    log: Pick<StartedLog, 'epochs' | 'retention' | 'records' | 'end' | 'mirror' | 'mirrorNote'>,
    reached: OnCrashPoint,
  ) {
    this.#database = openDatabase(path);
    this.#statements = prepareStatements(this.#database);
    this.#epochs = log.epochs;
    this.#retention = log.retention;
    this.#started = log.records;
    this.#end = log.end;
    this.#mirror = log.mirror;
    this.#mirrorNote = log.mirrorNote;
    this.#epoch = lastEpoch(log.epochs);
    this.#reached = reached;
  }

  get logId(): LogId {
    return this.#end.logId;
  }

  /** End of the log, durable. */
  get tip(): { readonly epoch: number; readonly seq: number; readonly chain: string } {
    const { seq, chain } = this.#end;
    return { epoch: this.#epoch, seq, chain };
  }

  /** Begins an epoch. */
  becomeActive(holder: Holder): Incarnation {
    const epoch = lastEpoch(this.#epochs) + 1;
    const nonce = randomBytes(8).toString('hex');
    this.#write(epoch, [epochRecord(nonce, holder)]);
    this.#epochs.set(epoch, { nonce, lastSeq: this.#end.seq });
    return { logId: this.logId, epoch, nonce };
  }

  /** Appends all records in one transaction. Returns the seq of the first. */
  append(records: readonly PendingRecord[]): number {
    const seq = this.#end.seq + 1;
    this.#write(this.#epoch, records);
    for (const record of records) noteRecord(this.#retention, record);
    return seq;
  }

  /** All records that are needed, in the order in which they were first written. */
  readNeeded(): KeptRecord[] {
    const needed = this.#started ?? this.#readFromRows();
    this.#started = undefined;
    return needed.toSorted((a, b) => a.origin.seq - b.origin.seq);
  }

  #readFromRows(): ReadFrame[] {
    return [...this.#rows(this.#end.seq)].flatMap(readRow).filter((frame) => {
      const key = retentionKey(frame);
      return key && isNeeded(this.#retention, key);
    });
  }

  /** Whether the log holds a position: see DecisionLog.holds. */
  holds(position: LogPosition): boolean {
    if (position.logId !== this.logId || !reaches(this.#epochs, position)) return false;
    if (position.seq < readLowWater(this.#database).firstSeq) return true;
    const frame = this.#frameAt(position.seq);
    if (frame.epoch !== position.epoch) return false;
    return position.chain === '' || frame.chain === position.chain;
  }

  /** How many records stand in the log up to one. */
  countThrough(seq: number): number {
    return seq + 1 - readLowWater(this.#database).firstSeq;
  }

  /**
   * Takes some of the oldest records, up to `untilSeq`: drops what is not needed, writes the rest
   * again at the end. Returns how many it read, how many of them are gone, and whether there is more
   * up to `untilSeq`.
   */
  compactStep(untilSeq: number): {
    readonly readCount: number;
    readonly droppedCount: number;
    readonly more: boolean;
  } {
    const { frames, more } = this.#oldest(untilSeq);
    const last = frames.at(-1);
    if (!last) return { readCount: 0, droppedCount: 0, more: false };
    const dropped: RetentionKey[] = [];
    const carried: Unplaced[] = [];
    for (const frame of frames) {
      const key = retentionKey(frame);
      if (!key) continue;
      if (mayGoAlone(this.#retention, key)) {
        dropped.push(key);
        noteDropped(this.#retention, key);
      } else carried.push(frame);
    }
    const hasNotes = frames.some((frame) => !isRecordKind(frame.kind));
    if (hasNotes) carried.unshift(...engineRecords(this.#epochs, this.#mirrorNote));
    this.#write(this.#epoch, carried, () => {
      this.#statements.deleteThrough.run(last.seq);
      writeLowWater(this.#database, { firstSeq: last.seq + 1, prev: last.chain });
      // If we crash here, nothing has moved.
      this.#reached('compact.before-commit');
    });
    return { readCount: frames.length, droppedCount: dropped.length, more };
  }

  /**
   * Writes the mirror anew when most of it is needed no more. What it is written from is checked as
   * at a start, so that damage to the database never spoils the mirror.
   */
  shrinkMirror(): void {
    // If we crash here, the mirror holds more than it needs to.
    this.#reached('compact.before-mirror');
    const mirror = this.#mirror;
    if (!mirror) return;
    const { bytes } = this.#statements.size.get() as { bytes: number };
    if (mirror.usedBytes < 2 * bytes + mirrorSlackBytes) return;
    mirror.rewrite(this.#checkedBatches());
  }

  *#checkedBatches(): Generator<Batch> {
    let end: Pick<ReadFrame, 'seq' | 'chain'> | undefined;
    for (const row of this.#rows(this.#end.seq)) {
      for (const frame of readRow(row)) {
        if (end) checkFollows(end, frame);
        end = frame;
      }
      yield { firstSeq: row.seq, count: row.count, bytes: row.batch };
    }
    if (end?.seq !== this.#end.seq) {
      throw new UnanimousError('log-damaged', `the log ends at ${end?.seq}, not ${this.#end.seq}`);
    }
  }

  /** Moves what stands in the WAL into the database, so that the WAL starts from its beginning. */
  checkpoint(): void {
    this.#database.pragma('wal_checkpoint(passive)');
  }

  /** Lets the files go; what is in the WAL moves into the database. */
  close(): void {
    this.#database.close();
    this.#mirror?.close();
  }

  /** One transaction: the batches, the tail, and what else belongs to it. Forced, in both places. */
  #write(epoch: number, records: readonly Unplaced[], also?: () => void): void {
    this.#started = undefined;
    const { batches, end } = chainRecords(this.#end, epoch, records, maxBatchBytes);
    const { begin, commit } = this.#statements;
    begin.run();
    this.#insert(epoch, batches, end);
    also?.();
    // Both places are forced at the same time. Until both are done, either may have the group alone,
    // or neither: nobody was told of it, and the next start takes it from where it stands.
    const mirror = batches.length > 0 ? this.#mirror : undefined;
    mirror?.begin(oneGroup(batches));
    // If we crash here, SQLite drops the transaction at the next start; the mirror may hold it.
    this.#reached('append.before-commit');
    commit.run();
    // If we crash here, SQLite has the transaction, and the mirror may lack it.
    this.#reached('append.before-mirror');
    mirror?.finish();
    this.#end = end;
    this.#epoch = epoch;
    const entry = this.#epochs.get(epoch);
    if (entry) entry.lastSeq = end.seq;
  }

  #insert(epoch: number, batches: readonly Batch[], end: ChainEnd): void {
    const { insert, moveTail } = this.#statements;
    const { changes } = moveTail.run(epoch, end.seq, this.#epoch, this.#end.seq);
    if (changes !== 1) {
      throw new UnanimousError('not-active', 'somebody else has written to this log');
    }
    for (const { firstSeq, count, bytes } of batches) insert.run(firstSeq, count, bytes);
  }

  #oldest(untilSeq: number): { frames: ReadFrame[]; more: boolean } {
    const frames: ReadFrame[] = [];
    let bytes = 0;
    for (const row of this.#rows(untilSeq)) {
      if (bytes > 0 && bytes + row.batch.length > stepBytes) return { frames, more: true };
      bytes += row.batch.length;
      frames.push(...readRow(row));
    }
    return { frames, more: false };
  }

  #rows(untilSeq: number): Iterable<LogRow> {
    return this.#statements.rows.iterate(untilSeq) as Iterable<LogRow>;
  }

  #frameAt(seq: number): ReadFrame {
    const first = this.#lastRow[0]?.seq ?? Infinity;
    if (seq < first || seq >= first + this.#lastRow.length) {
      const row = this.#statements.rowOf.get(seq) as LogRow | undefined;
      this.#lastRow = row ? readRow(row) : [];
    }
    const frame = this.#lastRow.find((candidate) => candidate.seq === seq);
    if (!frame) throw new UnanimousError('log-damaged', `record ${seq} is missing`);
    return frame;
  }
}

/** Batches that belong to one transaction, as one group: a mirror holds all of it or none. */
function oneGroup(batches: readonly Batch[]): Batch {
  return {
    firstSeq: batches[0]?.firstSeq ?? 0,
    count: batches.reduce((sum, { count }) => sum + count, 0),
    bytes: Buffer.concat(batches.map(({ bytes }) => bytes)),
  };
}

function openDatabase(path: string): Database.Database {
  const database = new Database(path);
  database.pragma('locking_mode = exclusive'); // first, so that WAL needs no shared memory
  const mode = database.pragma('journal_mode = wal', { simple: true });
  database.pragma('synchronous = full');
  database.pragma('fullfsync = on'); // macOS: fsync alone leaves the data in the drive's cache
  database.pragma(`wal_autocheckpoint = ${walPages}`);
  database.pragma(`journal_size_limit = ${walKeptBytes}`);
  if (mode !== 'wal' || database.pragma('synchronous', { simple: true }) !== 2) {
    throw new UnanimousError('log-failed', `SQLite gives no durable commits on ${path}`);
  }
  return database;
}

function prepareStatements(database: Database.Database): {
  readonly begin: Statement;
  readonly commit: Statement;
  readonly insert: Statement;
  readonly moveTail: Statement;
  readonly deleteThrough: Statement;
  readonly rows: Statement;
  readonly rowOf: Statement;
  readonly size: Statement;
} {
  const rows = 'select seq, count, batch from log not indexed';
  return {
    begin: database.prepare('begin immediate'),
    commit: database.prepare('commit'),
    insert: database.prepare('insert into log (seq, count, batch) values (?, ?, ?)'),
    moveTail: database.prepare('update tail set epoch = ?, seq = ? where epoch = ? and seq = ?'),
    deleteThrough: database.prepare('delete from log where seq <= ?'),
    rows: database.prepare(`${rows} where seq <= ? order by seq`),
    rowOf: database.prepare(`${rows} where seq <= ? order by seq desc limit 1`),
    size: database.prepare('select coalesce(sum(length(batch)), 0) as bytes from log'),
  };
}

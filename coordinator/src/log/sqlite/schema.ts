import { crc32 } from 'node:zlib';
import { UnanimousError } from '@unanimous/proto/vocabulary';
import type { Database } from 'better-sqlite3';

/** Version of the files that this code writes, in `PRAGMA user_version`. */
export const schemaVersion = 2;

/** Records are stored in batches of about this size; a single larger record is one of its own. */
export const maxBatchBytes = 1_048_576;

/** Brings a database from the version under which it is listed to the next. */
export type Migrations = Readonly<Record<number, (database: Database) => void>>;

/**
 * The migrations from every version that was ever released. Of version 1 only the frames are others,
 * and these are read as they are; an older program, which can't read ours, refuses them by the number.
 */
export const migrations: Migrations = { 1: () => {} };

/** Where the log begins after what was dropped. */
export interface LowWater {
  readonly firstSeq: number;
  /** Chain hash of the record before the first. */
  readonly prev: string;
}

/** The row on which every append is a compare-and-swap. */
export interface TailRow {
  readonly epoch: number;
  readonly seq: number;
}

/** One batch of frames, stored as one value. */
export interface LogRow {
  /** Seq of its first record. */
  readonly seq: number;
  readonly count: number;
  readonly batch: Buffer;
}

/** Makes the tables in an empty database. */
export function createSchema(database: Database): void {
  database.exec(`
    create table log (seq integer primary key, count integer not null, batch blob not null) strict;
    create table tail (
      id integer primary key check (id = 1), epoch integer not null, seq integer not null) strict;
    create table low_water (
      id integer primary key check (id = 1), first_seq integer not null, prev text not null,
      crc integer not null) strict;
  `);
  database.pragma(`user_version = ${schemaVersion}`);
}

/** Writes the low-water row. */
export function writeLowWater(database: Database, { firstSeq, prev }: LowWater): void {
  database
    .prepare('insert or replace into low_water (id, first_seq, prev, crc) values (1, ?, ?, ?)')
    .run(firstSeq, prev, lowWaterCrc(firstSeq, prev));
}

/**
 * Reads the low-water row.
 * @throws UnanimousError `log-damaged` when it is not as it was written.
 */
export function readLowWater(database: Database): LowWater {
  const row = database.prepare('select first_seq, prev, crc from low_water').get() as
    | { first_seq: number; prev: string; crc: number }
    | undefined;
  if (!row || row.crc !== lowWaterCrc(row.first_seq, row.prev)) {
    throw new UnanimousError('log-damaged', 'the row that says where the log begins is wrong');
  }
  return { firstSeq: row.first_seq, prev: row.prev };
}

function lowWaterCrc(firstSeq: number, prev: string): number {
  return crc32(`${firstSeq}:${prev}`);
}

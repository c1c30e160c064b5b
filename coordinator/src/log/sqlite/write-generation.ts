import { chmodSync, existsSync, renameSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { EpochTable } from '../epoch-table.ts';
import { type Batch, type ChainEnd, chainRecords, type Unplaced } from '../record-chain.ts';
import type { OnCrashPoint } from './crash-points.ts';
import { generationPath, syncFile, syncFolder } from './log-folder.ts';
import { engineRecords, type MirrorNote } from './mirror-note.ts';
import { createSchema, maxBatchBytes, writeLowWater } from './schema.ts';

/** What a new generation begins with. */
export interface Carried {
  readonly epochs: EpochTable;
  readonly mirrorNote: MirrorNote | undefined;
  readonly records: readonly Unplaced[];
  /** End of the log so far; the new generation continues it. */
  readonly end: ChainEnd;
}

/** A new generation, ready to be written. */
export interface GenerationToWrite {
  readonly batches: readonly Batch[];
  /** End of the log before it. */
  readonly before: ChainEnd;
  readonly end: ChainEnd;
  readonly epoch: number;
}

/** The records of a new generation, in their places, and its end. */
export function placeCarried(carried: Carried): {
  readonly batches: Batch[];
  readonly end: ChainEnd;
} {
  const { epochs, mirrorNote, records, end } = carried;
  return chainRecords(end, 0, [...engineRecords(epochs, mirrorNote), ...records], maxBatchBytes);
}

/**
 * Writes a generation and makes it durable under its name. Before the rename it does not exist;
 * after it, it is whole.
 */
export function writeGeneration(
  dir: string,
  generation: number,
  content: GenerationToWrite,
  reached: OnCrashPoint,
): void {
  const path = generationPath(dir, generation);
  const unfinished = `${path}.tmp`;
  reached('start.before-write');
  writeDatabase(unfinished, content);
  // Closing moves the whole WAL into the file and removes it; a failure there goes unreported.
  if (existsSync(`${unfinished}-wal`)) throw new Error(`${unfinished} was not written whole`);
  syncFile(unfinished);
  // If we crash here, the next start removes the unfinished file and reads the old generation.
  reached('start.before-rename');
  renameSync(unfinished, path);
  // If we crash here, either name may be found, and both hold the same records.
  reached('start.before-folder-sync');
  syncFolder(dir);
}

function writeDatabase(path: string, { batches, before, end, epoch }: GenerationToWrite): void {
  const database = new Database(path);
  chmodSync(path, 0o600);
  try {
    database.pragma('journal_mode = wal');
    database.pragma('synchronous = off'); // the whole file is synced before it gets its name
    createSchema(database);
    const insert = database.prepare('insert into log (seq, count, batch) values (?, ?, ?)');
    for (const { firstSeq, count, bytes } of batches) insert.run(firstSeq, count, bytes);
    writeLowWater(database, { firstSeq: before.seq + 1, prev: before.chain });
    database.prepare('insert into tail (id, epoch, seq) values (1, ?, ?)').run(epoch, end.seq);
    database.pragma('wal_checkpoint(truncate)');
  } finally {
    database.close();
  }
}

import { chmodSync, existsSync, renameSync } from 'node:fs';
import Database from 'better-sqlite3';
import { type EpochTable, epochTableRecord, lastEpoch } from '../epoch-table.ts';
import { type ChainEnd, chainRecords, type Unplaced } from '../record-chain.ts';
import type { OnCrashPoint } from './crash-points.ts';
import { generationPath, syncFile, syncFolder } from './log-folder.ts';
import { createSchema, maxBatchBytes, writeLowWater } from './schema.ts';

/** What a new generation begins with. */
export interface Carried {
  readonly epochs: EpochTable;
  readonly records: readonly Unplaced[];
  /** End of the log so far; the new generation continues it. */
  readonly end: ChainEnd;
}

/**
 * Writes a generation and makes it durable under its name. Before the rename it does not exist;
 * after it, it is whole. Returns its end.
 */
export function writeGeneration(
  dir: string,
  generation: number,
  carried: Carried,
  reached: OnCrashPoint,
): ChainEnd {
  const path = generationPath(dir, generation);
  const unfinished = `${path}.tmp`;
  reached('start.before-write');
  const end = writeDatabase(unfinished, carried);
  // Closing moves the whole WAL into the file and removes it; a failure there goes unreported.
  if (existsSync(`${unfinished}-wal`)) throw new Error(`${unfinished} was not written whole`);
  syncFile(unfinished);
  // If we crash here, the next start removes the unfinished file and reads the old generation.
  reached('start.before-rename');
  renameSync(unfinished, path);
  // If we crash here, either name may be found, and both hold the same records.
  reached('start.before-folder-sync');
  syncFolder(dir);
  return end;
}

function writeDatabase(path: string, { epochs, records, end }: Carried): ChainEnd {
  const database = new Database(path);
  chmodSync(path, 0o600);
  try {
    database.pragma('journal_mode = wal');
    database.pragma('synchronous = off'); // the whole file is synced before it gets its name
    createSchema(database);
    const all = [epochTableRecord(epochs), ...records];
    const { batches, end: newEnd } = chainRecords(end, 0, all, maxBatchBytes);
    const insert = database.prepare('insert into log (seq, count, batch) values (?, ?, ?)');
    for (const { firstSeq, count, bytes } of batches) insert.run(firstSeq, count, bytes);
    writeLowWater(database, { firstSeq: end.seq + 1, prev: end.chain });
    database
      .prepare('insert into tail (id, epoch, seq) values (1, ?, ?)')
      .run(lastEpoch(epochs), newEnd.seq);
    database.pragma('wal_checkpoint(truncate)');
    return newEnd;
  } finally {
    database.close();
  }
}

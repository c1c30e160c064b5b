import { type EpochTable, lastEpoch } from '../epoch-table.ts';
import type { KeptRecord, ChainEnd } from '../record-chain.ts';
import type { ReadFrame } from '../record-codec.ts';
import { isNeeded, newRetention, noteDropped, noteRecord } from '../retention.ts';
import type { Retention, RetentionKey } from '../retention.ts';
import type { OnCrashPoint } from './crash-points.ts';
import type { FileForcer } from './file-forcer.ts';
import {
  generationPath,
  nextGeneration,
  removeLeftovers,
  removeOlderGenerations,
} from './log-folder.ts';
import { MirrorFile } from './mirror-file.ts';
import type { MirrorNote } from './mirror-note.ts';
import { type LogContent, readLog, type ReadOptions } from './read-log.ts';
import { retentionKey } from './retention-key.ts';
import { TipWitness } from './tip-witness.ts';
import { placeCarried, writeGeneration } from './write-generation.ts';

/** How to start. */
export interface StartOptions extends ReadOptions {
  readonly reached: OnCrashPoint;
  /** What forces the mirror; without it, it is forced after the log. */
  readonly newForcer?: (() => FileForcer) | undefined;
}

/** A log that was read, checked and written anew; ready for appends. */
export interface StartedLog {
  readonly path: string;
  readonly epochs: EpochTable;
  readonly retention: Retention;
  /** What is needed, as it was written. */
  readonly records: readonly KeptRecord[];
  readonly end: ChainEnd;
  readonly witness: TipWitness;
  readonly mirror: MirrorFile | undefined;
  readonly mirrorNote: MirrorNote | undefined;
  /** What was missing in one place and came from the other. */
  readonly repairs: readonly string[];
}

/**
 * Reads the newest generation, checks it whole, and writes what is needed of it into the next.
 * Every start does so, whether the last stop was clean or not: what is answered from then on is on
 * the disk, not only in a page cache (PROTOCOL rule 18). Call it with the folder locked.
 * @throws UnanimousError `log-damaged` (the files are copied aside, the originals untouched),
 * `log-newer`, `invalid-argument` (the log has a mirror, and none was named).
 */
export function startLog(options: StartOptions): StartedLog {
  const { dir, reached } = options;
  removeLeftovers(dir);
  reached('start.before-read');
  const content = readLog(options);
  const { epochs, end: before, repairs } = content;
  const mirrorNote = noteNow(options, content);
  const { retention, records } = carry(content.frames);
  const generation = nextGeneration(dir);
  const { batches, end } = placeCarried({ epochs, mirrorNote, records, end: before });
  const epoch = lastEpoch(epochs);
  writeGeneration(dir, generation, { batches, before, end, epoch }, reached);
  // If we crash here, the mirror is of the older generation. Whichever side is damaged then, the
  // other has all that anybody was told.
  reached('start.before-mirror');
  const mirror =
    options.mirror === undefined
      ? undefined
      : MirrorFile.create(options.mirror, batches, options.newForcer?.());
  // If we crash here, the next start finds two generations and takes the newer. The witness is of
  // the older then: lower than the newer's end, which is no contradiction.
  reached('start.before-tip');
  const witness = new TipWitness(dir);
  witness.note({ ...end, epoch });
  witness.sync();
  // If we crash here, or between two removals, the older generation is removed by the next start.
  reached('start.before-removal');
  removeOlderGenerations(dir, generation);
  reached('start.done');
  const path = generationPath(dir, generation);
  return { path, epochs, retention, records, end, witness, mirror, mirrorNote, repairs };
}

/** What the log says of its mirror from now on: a change is recorded, with its time. */
function noteNow(
  { mirror, dropMirror = false }: StartOptions,
  { mirrorNote }: LogContent,
): MirrorNote | undefined {
  const at = new Date().toISOString();
  if (mirror === undefined) {
    return dropMirror && mirrorNote ? { ...mirrorNote, attached: false, at } : mirrorNote;
  }
  const isSame = mirrorNote?.attached && mirrorNote.path === mirror;
  return isSame ? mirrorNote : { attached: true, path: mirror, at };
}

/** What the next generation needs of the records. */
function carry(frames: readonly ReadFrame[]): { retention: Retention; records: KeptRecord[] } {
  const retention = newRetention();
  const known = withoutCopies(frames).flatMap((frame) => {
    const key = retentionKey(frame);
    return key ? [{ frame, key }] : [];
  });
  for (const { key } of known) noteRecord(retention, key);
  const records: KeptRecord[] = [];
  const dropped: RetentionKey[] = [];
  for (const { frame, key } of known) {
    if (isNeeded(retention, key)) records.push(contentOf(frame));
    else dropped.push(key);
  }
  for (const key of dropped) noteDropped(retention, key);
  return { retention, records };
}

function contentOf({ kind, payload, redo, origin }: ReadFrame): KeptRecord {
  return { kind, payload, redo, origin };
}

/** Of a record and the copies that compaction made of it, one: a mirror holds both for a while. */
function withoutCopies(frames: readonly ReadFrame[]): ReadFrame[] {
  const last = new Map(frames.map((frame) => [frame.origin.seq, frame.seq]));
  return frames.filter(({ origin, seq }) => last.get(origin.seq) === seq);
}

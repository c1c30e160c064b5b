import { randomBytes } from 'node:crypto';
import { type LogId, UnanimousError } from '@unanimous/proto/vocabulary';
import { type EpochTable, lastEpoch } from '../epoch-table.ts';
import type { ChainEnd, Unplaced } from '../record-chain.ts';
import { chainStart, type ReadFrame } from '../record-codec.ts';
import { isNeeded, newRetention, noteDropped, noteRecord } from '../retention.ts';
import type { Retention } from '../retention.ts';
import type { OnCrashPoint } from './crash-points.ts';
import {
  generationPath,
  listGenerations,
  nextGeneration,
  removeLeftovers,
  removeOlderGenerations,
} from './log-folder.ts';
import { copyAside } from './quarantine.ts';
import {
  type GenerationContent,
  readGeneration,
  type ReadableVersions,
} from './read-generation.ts';
import { readTip, type Tip, tipPath, TipWitness } from './tip-witness.ts';
import { retentionKey } from './retention-key.ts';
import { writeGeneration } from './write-generation.ts';

/** How to start. */
export interface StartOptions extends ReadableVersions {
  readonly dir: string;
  /** Start without the witness of the tip; what was lost at the end of the log stays unseen. */
  readonly acceptTipLoss: boolean;
  readonly reached: OnCrashPoint;
}

/** A log that was read, checked and written anew; ready for appends. */
export interface StartedLog {
  readonly path: string;
  readonly epochs: EpochTable;
  readonly retention: Retention;
  readonly end: ChainEnd;
  readonly witness: TipWitness;
}

/**
 * Reads the newest generation, checks it whole, and writes what is needed of it into the next.
 * Every start does so, whether the last stop was clean or not: what is answered from then on is on
 * the disk, not only in a page cache (PROTOCOL rule 18). Call it with the folder locked.
 * @throws UnanimousError `log-damaged` (the files are copied aside, the originals untouched),
 * `log-newer`.
 */
export function startLog(options: StartOptions): StartedLog {
  const { dir, reached } = options;
  removeLeftovers(dir);
  reached('start.before-read');
  const content = readChecked(options);
  const { epochs } = content;
  const { retention, records } = carry(content.frames);
  const generation = nextGeneration(dir);
  const end = writeGeneration(dir, generation, { epochs, records, end: content.end }, reached);
  // If we crash here, the next start finds two generations and takes the newer. The witness is of
  // the older then: lower than the newer's end, which is no contradiction.
  reached('start.before-tip');
  const witness = new TipWitness(dir);
  witness.note({ ...end, epoch: lastEpoch(epochs) });
  witness.sync();
  // If we crash here, or between two removals, the older generation is removed by the next start.
  reached('start.before-removal');
  removeOlderGenerations(dir, generation);
  reached('start.done');
  return { path: generationPath(dir, generation), epochs, retention, end, witness };
}

function readChecked(options: StartOptions): Omit<GenerationContent, 'walScan'> {
  const { dir } = options;
  const generation = listGenerations(dir).at(-1);
  const tip = readTip(tipPath(dir));
  try {
    if (generation === undefined) return newContent(tip);
    const content = readGeneration(dir, generationPath(dir, generation), options);
    checkEnd(content, tip, options.acceptTipLoss);
    return content;
  } catch (error) {
    if (!(error instanceof UnanimousError) || error.code !== 'log-damaged') throw error;
    const copy = copyAside(dir, generation);
    throw new UnanimousError('log-damaged', `${error.message}; the files were copied to ${copy}`, {
      hint: error.hint,
      cause: error,
    });
  }
}

function newContent(tip: Tip | undefined): Omit<GenerationContent, 'walScan'> {
  if (tip) throw damaged(`records 1 to ${tip.seq} are missing: there is a tip, but no log`);
  const logId = randomBytes(6).toString('hex') as LogId;
  return { frames: [], epochs: new Map(), end: { logId, seq: 0, chain: chainStart } };
}

/** Compares the end of a log that is whole in itself with what is known of its end. */
function checkEnd(content: GenerationContent, tip: Tip | undefined, acceptTipLoss: boolean): void {
  const { frames, epochs, end, walScan } = content;
  if (tip && tip.logId !== end.logId) {
    throw damaged(`the log is ${end.logId}, its tip is of log ${tip.logId}: files were mixed`);
  }
  if (tip && tip.seq > end.seq) {
    throw damaged(`records ${end.seq + 1} to ${tip.seq} are missing at the end of the log`);
  }
  if (walScan.commitsBehindDamage >= 2) {
    const count = walScan.commitsBehindDamage;
    throw damaged(`the WAL is damaged: ${count} commits behind record ${end.seq} can't be read`);
  }
  if (tip && chainAt(frames, tip.seq, tip.chain) !== tip.chain) {
    throw damaged(`record ${tip.seq} is not the one that was acknowledged`);
  }
  if (!tip && epochs.size > 0 && !acceptTipLoss) {
    throw new UnanimousError(
      'log-damaged',
      `the tip file is missing or unreadable: records after ${end.seq} may be lost unseen`,
      { hint: 'Put the file `tip` back, or start once with --accept-tip-loss.' },
    );
  }
}

/** Chain hash of a record, or `compacted` when the log no longer has it. */
function chainAt(frames: readonly ReadFrame[], seq: number, compacted: string): string {
  const first = frames[0];
  if (!first || seq < first.seq - 1) return compacted;
  return seq === first.seq - 1 ? first.prev : (frames[seq - first.seq]?.chain ?? '');
}

/** What the next generation needs of the records. */
function carry(frames: readonly ReadFrame[]): { retention: Retention; records: Unplaced[] } {
  const retention = newRetention();
  const known = frames.flatMap((frame) => {
    const key = retentionKey(frame);
    return key ? [{ frame, key }] : [];
  });
  for (const { key } of known) noteRecord(retention, key);
  const needed = known.filter(({ key }) => isNeeded(retention, key));
  const dropped = known.filter(({ key }) => !isNeeded(retention, key));
  for (const { key } of dropped) noteDropped(retention, key);
  const records = needed.map(({ frame: { kind, payload, origin } }) => ({ kind, payload, origin }));
  return { retention, records };
}

function damaged(message: string): UnanimousError {
  return new UnanimousError('log-damaged', message);
}

import { randomBytes } from 'node:crypto';
import { type LogId, UnanimousError } from '@unanimous/proto/vocabulary';
import { checkEpochs, type EpochTable, noteEpoch } from '../epoch-table.ts';
import type { ChainEnd } from '../record-chain.ts';
import { chainStart, type ReadFrame } from '../record-codec.ts';
import { generationPath, listGenerations } from './log-folder.ts';
import { readMirrorFile } from './mirror-file.ts';
import { type MirrorContent, readMirror } from './mirror-groups.ts';
import { lastMirrorNote, type MirrorNote } from './mirror-note.ts';
import { copyAside } from './quarantine.ts';
import {
  type GenerationContent,
  readGeneration,
  type ReadableVersions,
  salvageGeneration,
} from './read-generation.ts';
import { readTip, type Tip, tipPath } from './tip-witness.ts';
import { type Side, uniteSides } from './unite-sides.ts';

/** How to read a log. */
export interface ReadOptions extends ReadableVersions {
  readonly dir: string;
  /** Read without the witness of the tip; what was lost at the end of the log stays unseen. */
  readonly acceptTipLoss: boolean;
  /** Path of the mirror, when the log has one. */
  readonly mirror?: string | undefined;
  /** Go on without the mirror that the log has. */
  readonly dropMirror?: boolean;
}

/** A log that was read, and checked whole. */
export interface LogContent {
  readonly frames: readonly ReadFrame[];
  readonly epochs: EpochTable;
  readonly end: ChainEnd;
  readonly mirrorNote: MirrorNote | undefined;
  /** What one place lacked and the other had; to be written anew before anybody is answered. */
  readonly repairs: readonly string[];
}

/**
 * Reads the newest generation, and the mirror when there is one, and checks them against the witness
 * of the tip. Changes nothing in the folder but that damage is copied aside.
 * @throws UnanimousError `log-damaged`, `log-newer`, `invalid-argument` (a log that has a mirror
 * needs it).
 */
export function readLog(options: ReadOptions): LogContent {
  const { dir, mirror } = options;
  const generation = listGenerations(dir).at(-1);
  const tip = readTip(tipPath(dir));
  try {
    return mirror === undefined
      ? readAlone(options, generation, tip)
      : readMirrored(options, mirror, generation, tip);
  } catch (error) {
    if (!(error instanceof UnanimousError) || error.code !== 'log-damaged') throw error;
    const copy = copyAside(dir, generation, mirror);
    throw new UnanimousError('log-damaged', `${error.message}; the files were copied to ${copy}`, {
      hint: error.hint,
      cause: error,
    });
  }
}

type Content = Omit<GenerationContent, 'walScan'>;

function readAlone(
  options: ReadOptions,
  generation: number | undefined,
  tip: Tip | undefined,
): LogContent {
  const { dir, acceptTipLoss, dropMirror = false } = options;
  if (generation === undefined) return { ...newContent(tip), mirrorNote: undefined, repairs: [] };
  const content = readGeneration(dir, generationPath(dir, generation), options);
  const mirrorNote = lastMirrorNote(content.frames);
  if (mirrorNote?.attached && !dropMirror) {
    throw new UnanimousError('invalid-argument', `the log in ${dir} has a mirror`, {
      hint: `Name it (--mirror ${mirrorNote.path}), or go on without: --drop-mirror, once.`,
    });
  }
  checkEnd(content, tip, { acceptTipLoss, commitsLost: content.walScan.commitsBehindDamage });
  return { ...content, mirrorNote, repairs: [] };
}

function newContent(tip: Tip | undefined): Content {
  if (tip) throw damaged(`records 1 to ${tip.seq} are missing: there is a tip, but no log`);
  const logId = randomBytes(6).toString('hex') as LogId;
  return { frames: [], epochs: new Map(), end: { logId, seq: 0, chain: chainStart } };
}

/** One of the two places, with what is wrong with it. */
interface Read extends Side {
  readonly end: number;
  readonly error?: UnanimousError | Error;
}

function readMirrored(
  options: ReadOptions,
  mirror: string,
  generation: number | undefined,
  tip: Tip | undefined,
): LogContent {
  const { dir } = options;
  const bytes = readMirrorFile(mirror);
  const other = readMirror(bytes ?? Buffer.alloc(0));
  const { read: own, commitsLost } = readOwn(options, generation);
  const isWholeAlone = own.error === undefined && generation !== undefined && commitsLost < 2;
  const note = lastMirrorNote(own.frames);
  const isAttached = note?.attached ?? own.error !== undefined;
  const mayBeOurs = isAttached || generation === undefined;
  checkIsMirror(bytes, other, { path: mirror, mayBeOurs }, own);
  const mirrored: Read = {
    frames: mayBeOurs ? other.frames : [],
    begin: other.base && { seq: other.base.seq, prev: other.base.prev },
    end: other.frames.at(-1)?.seq ?? 0,
  };
  const hasMirror = mirrored.frames.length > 0;
  if (generation === undefined && !hasMirror) {
    return { ...newContent(tip), mirrorNote: undefined, repairs: [] };
  }
  if (generation === undefined && !tip && !options.acceptTipLoss) throw onlyMirror(dir, mirror);
  if (own.error && !hasMirror) throw own.error;
  const content = contentOf(uniteSides([own, mirrored]));
  checkEnd(content, tip, {
    acceptTipLoss: options.acceptTipLoss || (hasMirror && isWholeAlone && !other.isBroken),
    // What SQLite drops in silence the mirror has, unless it is damaged, too, or cut at the same place.
    commitsLost: content.end.seq > own.end && !other.isBroken ? 0 : commitsLost,
  });
  const repairs = isAttached ? repairsOf(own, mirrored, other, content.end.seq) : [];
  if (own.error || other.isBroken || commitsLost >= 2) copyAside(dir, generation, mirror);
  return { ...content, mirrorNote: lastMirrorNote(content.frames), repairs };
}

function onlyMirror(dir: string, mirror: string): UnanimousError {
  return new UnanimousError('log-damaged', `there is no log in ${dir}, but one in ${mirror}`, {
    hint: 'Name another mirror for a new log; to go on from this one, --accept-tip-loss, once.',
  });
}

function readOwn(
  options: ReadOptions,
  generation: number | undefined,
): { readonly read: Read; readonly commitsLost: number } {
  const { dir } = options;
  if (generation === undefined) {
    const error = new Error('there is no database');
    return { read: { frames: [], begin: undefined, end: 0, error }, commitsLost: 0 };
  }
  const path = generationPath(dir, generation);
  try {
    const { frames, end, walScan } = readGeneration(dir, path, options);
    const first = frames[0];
    const begin = first && { seq: first.seq, prev: first.prev };
    return { read: { frames, begin, end: end.seq }, commitsLost: walScan.commitsBehindDamage };
  } catch (error) {
    // Whatever it is, a number of a version that is wrong or an I/O error: the mirror may have it all.
    const read = { ...salvageGeneration(dir, path), end: 0, error: UnanimousError.from(error) };
    return { read, commitsLost: 0 };
  }
}

/** Refuses to overwrite what is no mirror of this log. */
function checkIsMirror(
  bytes: Buffer | undefined,
  { frames }: MirrorContent,
  { path, mayBeOurs }: { readonly path: string; readonly mayBeOurs: boolean },
  own: Side,
): void {
  const ours = own.frames[0]?.logId;
  const theirs = frames[0]?.logId;
  if (theirs !== undefined && ours !== undefined && theirs !== ours) {
    throw damaged(`the log is ${ours}, its mirror is of log ${theirs}: files were mixed`);
  }
  if (mayBeOurs || theirs !== undefined || !bytes || bytes.length === 0) return;
  throw new UnanimousError('invalid-argument', `${path} is no mirror of this log`, {
    hint: 'Name a file that is not there yet, or move this one away.',
  });
}

function contentOf(frames: readonly ReadFrame[]): Content {
  const last = frames.at(-1);
  if (!last) throw damaged('neither the log nor its mirror says where it begins');
  const epochs: EpochTable = new Map();
  for (const frame of frames) noteEpoch(epochs, frame);
  checkEpochs(epochs);
  return { frames, epochs, end: { logId: last.logId, seq: last.seq, chain: last.chain } };
}

function repairsOf(
  own: Read,
  mirrored: Read,
  { isBroken }: MirrorContent,
  endSeq: number,
): string[] {
  const repairs: string[] = [];
  if (own.error) repairs.push(`the database is read from the mirror: ${own.error.message}`);
  else if (own.end < endSeq) repairs.push(`the database lacked records after ${own.end}`);
  if (mirrored.end === 0) repairs.push('the mirror was empty or missing');
  else if (isBroken || !mirrored.begin) repairs.push('the mirror was damaged');
  else if (mirrored.end < endSeq) repairs.push(`the mirror lacked records after ${mirrored.end}`);
  return repairs;
}

/** Compares the end of a log that is whole in itself with what is known of its end. */
function checkEnd(
  { frames, epochs, end }: Content,
  tip: Tip | undefined,
  known: { readonly acceptTipLoss: boolean; readonly commitsLost: number },
): void {
  if (tip && tip.logId !== end.logId) {
    throw damaged(`the log is ${end.logId}, its tip is of log ${tip.logId}: files were mixed`);
  }
  if (tip && tip.seq > end.seq) {
    throw damaged(`records ${end.seq + 1} to ${tip.seq} are missing at the end of the log`);
  }
  if (known.commitsLost >= 2) {
    const count = known.commitsLost;
    throw damaged(`the WAL is damaged: ${count} commits behind record ${end.seq} can't be read`);
  }
  if (tip && chainAt(frames, tip.seq, tip.chain) !== tip.chain) {
    throw damaged(`record ${tip.seq} is not the one that was acknowledged`);
  }
  if (!tip && epochs.size > 0 && !known.acceptTipLoss) {
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

function damaged(message: string): UnanimousError {
  return new UnanimousError('log-damaged', message);
}

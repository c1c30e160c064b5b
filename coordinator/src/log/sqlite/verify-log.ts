import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { UnanimousError } from '@unanimous/proto/vocabulary';
import type { ReadFrame } from '../record-codec.ts';
import { copyLog, type LogCopy } from './copy-log.ts';
import { generationPath } from './log-folder.ts';
import { readMirrorFile } from './mirror-file.ts';
import { readMirror } from './mirror-groups.ts';
import { readGeneration, salvageGeneration } from './read-generation.ts';
import { type LogContent, readLog } from './read-log.ts';
import { migrations, schemaVersion } from './schema.ts';
import { readTip, type Tip, tipPath } from './tip-witness.ts';
import { scanWal, type WalScan } from './wal-scan.ts';

/** Records that were found in one place. */
export interface Span {
  readonly records: number;
  /** 0 when there are none. */
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** The database of a log, or its mirror. */
export interface PlaceReport extends Span {
  readonly path: string;
  /**
   * `behind`: it is whole, but ends before the log does. `not-named`: the log has a mirror, and nobody
   * said where it is now.
   */
  readonly state: 'whole' | 'behind' | 'damaged' | 'missing' | 'not-named';
  /** What is wrong with it; empty when it is whole. */
  readonly problem: string;
}

/**
 * What a start would come to. `repairable`: one place lacks what the other one has. `newer`: a later
 * version has written it.
 */
export type LogVerdict = 'whole' | 'repairable' | 'damaged' | 'newer';

/** What a log holds and what it lacks. */
export interface LogReport {
  readonly verdict: LogVerdict;
  /** What is missing, damaged or to be repaired, one sentence each. */
  readonly findings: readonly string[];
  /** What to do, when the verdict is `damaged` or `newer`. */
  readonly hint: string;
  readonly logId: string | undefined;
  /** Of the whole log; of both places together where they can be united. */
  readonly log: Span;
  /** How many records there are of each kind. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly epochs: readonly { readonly epoch: number; readonly lastSeq: number }[];
  readonly tip: Tip | undefined;
  readonly database: PlaceReport;
  readonly wal: WalScan | undefined;
  /** Undefined when the log has none, as far as can be read. */
  readonly mirror: PlaceReport | undefined;
}

/** Which log to look at. */
export interface VerifyOptions {
  readonly dir: string;
  readonly mirror?: string | undefined;
}

/**
 * Reads a log that nobody runs in the way a start does, from a copy, and says what it holds and what a
 * start would come to. Changes nothing.
 * @throws UnanimousError `log-locked` when a coordinator runs on it, `invalid-argument` when there is
 * no log; others as the file system threw them.
 */
export function verifyLog({ dir, mirror }: VerifyOptions): LogReport {
  const mirrorPath = mirror === undefined ? undefined : resolve(mirror);
  using copy = copyLog(dir, mirrorPath);
  const tip = readTip(tipPath(copy.dir));
  checkIsLog(dir, mirrorPath, copy, tip);
  const inOriginals = (text: string) => originalNames(text, copy, { dir, mirror: mirrorPath });
  const { content, error } = readAsStart(copy);
  const own = databaseOf(copy);
  const findings = error ? [error.message] : (content?.repairs ?? []);
  const frames = content?.frames ?? [];
  const end = Math.max(content?.end.seq ?? 0, tip?.seq ?? 0);
  const database = { ...own.report, path: generationPath(dir, copy.generation ?? 0) };
  const mirrored = mirrorOf(copy, mirrorPath, content);
  return {
    verdict: verdictOf(content, error),
    findings: findings.map(inOriginals),
    hint: error ? inOriginals(hintOf(error, mirror)) : '',
    logId: content?.end.logId ?? own.frames[0]?.logId ?? tip?.logId,
    log: spanOf(frames),
    kinds: countKinds(frames),
    epochs: [...(content?.epochs ?? [])].map(([epoch, { lastSeq }]) => ({ epoch, lastSeq })),
    tip,
    database: comparedWith(end, database),
    wal: walOf(copy),
    mirror: mirrored && comparedWith(end, mirrored),
  };
}

function comparedWith(end: number, place: PlaceReport): PlaceReport {
  if (place.state !== 'whole' || place.lastSeq >= end) return place;
  return { ...place, state: 'behind', problem: `it ends before record ${end}` };
}

function checkIsLog(
  dir: string,
  mirror: string | undefined,
  { generation }: LogCopy,
  tip: Tip | undefined,
): void {
  if (generation !== undefined || tip || (mirror !== undefined && existsSync(mirror))) return;
  throw new UnanimousError('invalid-argument', `there is no log in ${dir}`, {
    hint: 'Name the folder that holds decisions-N.db and tip.',
  });
}

/** What a start would read, or why it would refuse. */
function readAsStart({ dir, mirror }: LogCopy): {
  readonly content?: LogContent;
  readonly error?: UnanimousError;
} {
  try {
    const versions = { schemaVersion, migrations };
    const dropMirror = mirror === undefined;
    return { content: readLog({ ...versions, dir, mirror, dropMirror, acceptTipLoss: false }) };
  } catch (error) {
    if (!(error instanceof UnanimousError)) throw error;
    // The reason alone: what was copied aside is a copy of a copy, and gone soon.
    const reason = error.cause instanceof UnanimousError ? error.cause : error;
    return { error: reason.code === 'log-damaged' ? reason : error };
  }
}

function verdictOf(content: LogContent | undefined, error: UnanimousError | undefined): LogVerdict {
  if (error) return error.code === 'log-newer' ? 'newer' : 'damaged';
  return content && content.repairs.length > 0 ? 'repairable' : 'whole';
}

/** The error's own hint, where it has one; that of its kind speaks of a copy that a start has made. */
function hintOf({ code, hint }: UnanimousError, mirror: string | undefined): string {
  if (code !== 'log-damaged' || hint !== new UnanimousError(code, '').hint) return hint;
  const orMirror = mirror === undefined ? ' If the log has a mirror, name it: --mirror FILE.' : '';
  return `Put back what is missing, or the newest copy of all files.${orMirror}`;
}

type Place = Omit<PlaceReport, 'path'>;

function databaseOf({ dir, generation }: LogCopy): {
  readonly report: Place;
  readonly frames: readonly ReadFrame[];
} {
  if (generation === undefined) return { report: missing, frames: [] };
  const path = generationPath(dir, generation);
  try {
    const { frames } = readGeneration(dir, path, { schemaVersion, migrations });
    return { report: { ...spanOf(frames), state: 'whole', problem: '' }, frames };
  } catch (error) {
    const { message: problem } = UnanimousError.from(error);
    const { frames } = salvageGeneration(dir, path);
    return { report: { ...spanOf(frames), state: 'damaged', problem }, frames };
  }
}

function walOf({ dir, generation }: LogCopy): WalScan | undefined {
  const path = `${generationPath(dir, generation ?? 0)}-wal`;
  return existsSync(path) ? scanWal(readFileSync(path)) : undefined;
}

function mirrorOf(
  { mirror }: LogCopy,
  path: string | undefined,
  content: LogContent | undefined,
): PlaceReport | undefined {
  if (mirror === undefined || path === undefined) {
    const note = content?.mirrorNote;
    if (!note?.attached) return undefined;
    return { ...missing, path: note.path, state: 'not-named', problem: 'it was not looked at' };
  }
  const bytes = readMirrorFile(mirror);
  if (!bytes) return { ...missing, path };
  const { frames, base, isBroken } = readMirror(bytes);
  const isWhole = base !== undefined && !isBroken;
  const problem = isWhole
    ? ''
    : base
      ? 'groups of records in it are damaged'
      : 'its first group is damaged';
  return { ...spanOf(frames), path, state: isWhole ? 'whole' : 'damaged', problem };
}

const missing: Place = {
  records: 0,
  firstSeq: 0,
  lastSeq: 0,
  state: 'missing',
  problem: 'it is missing',
};

function spanOf(frames: readonly ReadFrame[]): Span {
  const { seq: firstSeq = 0 } = frames[0] ?? {};
  const { seq: lastSeq = 0 } = frames.at(-1) ?? {};
  return { records: frames.length, firstSeq, lastSeq };
}

function countKinds(frames: readonly ReadFrame[]): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const { kind } of frames) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return kinds;
}

/** A text in which the copy's names are those of the files that it was made of. */
function originalNames(
  text: string,
  copy: LogCopy,
  { dir, mirror }: { readonly dir: string; readonly mirror: string | undefined },
): string {
  const named = copy.mirror === undefined ? text : text.replaceAll(copy.mirror, mirror ?? '');
  return named.replaceAll(copy.dir, dir);
}

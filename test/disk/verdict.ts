import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UnanimousError } from '@unanimous/proto';
import { openStore } from '../coordinator/log/sqlite/log-image.ts';
import { changedFiles, type LogFiles, writeFiles } from './log-files.ts';

/** What somebody was told of a log, at the moment of the fault. */
export interface Promises {
  /** Decisions that were acknowledged, in their order. */
  readonly acked: readonly string[];
  /** Decisions that may stand in the log or not: asked for, and nobody was told. */
  readonly asked: readonly string[];
  /**
   * Acknowledged decisions that may be lost unseen: those of the last 50 milliseconds before a power
   * loss, when the same record rots as well. Kept apart, and counted as such.
   */
  readonly exposed?: readonly string[];
}

/** Files as a fault left them, with what was promised before. */
export interface Trial {
  /** Tells one trial from the others of its check; what to look for when it fails. */
  readonly what: string;
  readonly files: LogFiles;
  readonly promises: Promises;
  /** What went wrong before the start already. */
  readonly problem?: string;
  /** The log has a mirror, the file `mirror`. */
  readonly hasMirror?: boolean;
  /** Nothing is damaged, or a mirror holds what is: a refusal is wrong. */
  readonly mustStart?: boolean;
}

/** How a start on the files ended; `exposed` is the one loss that only a mirror shuts out. */
export type Outcome = 'correct' | 'refused' | 'exposed' | 'wrong';

/** The outcome, and what was wrong or why it was refused. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly why: string;
}

/** Starts the log on the files of a trial, in `dir`, and judges the answers it would give. */
export function judge(dir: string, trial: Trial): Verdict {
  const { files, promises, problem, mustStart = false, hasMirror = false } = trial;
  if (problem !== undefined) return { outcome: 'wrong', why: problem };
  writeFiles(dir, files);
  let found: string[];
  try {
    const open = openStore(dir, hasMirror ? { mirror: join(dir, 'mirror') } : {});
    try {
      found = open.decisions();
    } finally {
      open.close();
    }
  } catch (error) {
    const verdict = judgeRefusal(dir, files, error);
    return mustStart ? { ...verdict, outcome: 'wrong' } : verdict;
  }
  return judgeAnswers(found, promises);
}

/** Compares what a log answers with what was promised. */
function judgeAnswers(found: readonly string[], promises: Promises): Verdict {
  const { acked, asked, exposed = [] } = promises;
  const has = new Set(found);
  const known = new Set([...acked, ...asked, ...exposed]);
  const lost = acked.filter((decision) => !has.has(decision));
  const invented = found.filter((decision) => !known.has(decision));
  if (lost.length > 0) return { outcome: 'wrong', why: `lost ${lost.join()}` };
  if (invented.length > 0) return { outcome: 'wrong', why: `invented ${invented.join()}` };
  if (has.size !== found.length) return { outcome: 'wrong', why: `doubled: ${found.join()}` };
  const missed = exposed.filter((decision) => !has.has(decision));
  if (missed.length > 0) return { outcome: 'exposed', why: `lost unseen ${missed.join()}` };
  return { outcome: 'correct', why: '' };
}

/** A refusal must say so, name what is missing, and leave both the files and a copy. */
function judgeRefusal(dir: string, files: LogFiles, error: unknown): Verdict {
  if (!(error instanceof UnanimousError)) {
    const { code, message } = error as { code?: string; message: string };
    return { outcome: 'wrong', why: `no refusal of ours: ${code} ${message}` };
  }
  const why = `${error.code} ${error.message}`;
  // A flip in the number of the version reads like a newer one: nothing is touched then.
  if (error.code === 'log-newer') return { outcome: 'refused', why };
  if (error.code !== 'log-damaged') return { outcome: 'wrong', why };
  const copy = /copied to (.*)$/.exec(error.message)?.[1] ?? '';
  if (!existsSync(copy)) return { outcome: 'wrong', why: `no copy: ${why}` };
  const changed = changedFiles(dir, files);
  if (changed.length > 0) return { outcome: 'wrong', why: `changed ${changed.join()}: ${why}` };
  const uncopied = changedFiles(copy, onlyNewest(files));
  if (uncopied.length > 0)
    return { outcome: 'wrong', why: `not copied ${uncopied.join()}: ${why}` };
  return { outcome: 'refused', why };
}

/** The files that belong to the newest generation; a start looks at no others. */
function onlyNewest(files: LogFiles): LogFiles {
  const numbers = [...files.keys()].map((name) => Number(/^decisions-(\d+)\.db$/.exec(name)?.[1]));
  const newest = Math.max(0, ...numbers.filter((number) => number > 0));
  const belongs = (name: string) => name === 'tip' || name.startsWith(`decisions-${newest}.db`);
  return new Map([...files].filter(([name]) => belongs(name) && !name.endsWith('-shm')));
}

import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UnanimousError } from '@unanimous/proto/vocabulary';
import Database from 'better-sqlite3';

/** Holds the folder until it is released, or the process is gone. */
export interface FolderLock {
  release(): void;
}

/**
 * Makes the folder when it is missing, and refuses one that others could write.
 * @throws UnanimousError `invalid-argument`.
 */
export function prepareFolder(dir: string): void {
  const firstMade = mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (firstMade !== undefined) syncParents(dir, firstMade);
  const stat = lstatSync(dir);
  if (!stat.isDirectory()) throw refused(dir, 'is no folder (or a link to one)', 'Name it itself.');
  if ((stat.mode & 0o022) !== 0) {
    throw refused(dir, 'may be written by others', `chmod go-w ${dir}`);
  }
}

/** Makes the names durable of all folders from `first` down to `dir`. */
function syncParents(dir: string, first: string): void {
  for (let path = resolve(dir); path.length >= first.length; path = dirname(path)) {
    syncFolder(dirname(path));
  }
}

function refused(dir: string, what: string, hint: string): UnanimousError {
  return new UnanimousError('invalid-argument', `the log's folder ${dir} ${what}`, { hint });
}

/**
 * Takes the folder for this process. The lock is SQLite's own on a file without content (fcntl), so
 * that kill -9 frees it. Nothing else may open `lock.db`: closing it would free the lock.
 * @throws UnanimousError `log-locked` when somebody has it, in this process or another.
 */
export function lockFolder(dir: string): FolderLock {
  const path = join(dir, 'lock.db');
  const database = new Database(path, { timeout: 0 });
  try {
    chmodSync(path, 0o600);
    database.pragma('journal_mode = memory'); // nothing is ever written, so no journal file either
    database.exec('begin exclusive');
  } catch (error) {
    database.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new UnanimousError('log-locked', `another coordinator holds ${dir}`, { cause: error });
  }
  return { release: () => database.close() };
}

/**
 * Whether somebody holds the folder right now. Takes nothing and makes nothing, so that it works on a
 * folder that can only be read.
 */
export function isFolderHeld(dir: string): boolean {
  const path = join(dir, 'lock.db');
  if (!existsSync(path)) return false;
  const database = new Database(path, { readonly: true, timeout: 0 });
  try {
    database.prepare('select * from sqlite_schema').all();
    return false;
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return true;
    throw error;
  } finally {
    database.close();
  }
}

/** Makes names in a folder durable: files that were made, renamed or removed there. */
export function syncFolder(dir: string): void {
  syncPath(dir);
}

/** Makes the content of a file durable. */
export function syncFile(path: string): void {
  syncPath(path);
}

function syncPath(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

const generationPattern = /^decisions-([1-9][0-9]{0,14})\.db$/;
const leftoverPattern = /^(decisions-[0-9]+\.db\.tmp.*|reading-.*)$/;

/** Path of the database of a generation. */
export function generationPath(dir: string, generation: number): string {
  return join(dir, `decisions-${generation}.db`);
}

/** Numbers of the generations in a folder, the newest last. Only whole ones have such a name. */
export function listGenerations(dir: string): number[] {
  const numbers = readdirSync(dir).map((name) => Number(generationPattern.exec(name)?.[1] ?? 0));
  return numbers.filter((number) => number > 0).toSorted((a, b) => a - b);
}

/** A number that no file has, of whatever generation: no stale WAL can meet a new database. */
export function nextGeneration(dir: string): number {
  const numbers = readdirSync(dir).map((name) =>
    Number(/^decisions-([0-9]+)\./.exec(name)?.[1] ?? 0),
  );
  return Math.max(0, ...numbers) + 1;
}

/** Removes what an interrupted start left: unfinished generations and copies for reading. */
export function removeLeftovers(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (leftoverPattern.test(name)) rmSync(join(dir, name), { recursive: true });
  }
}

/**
 * Removes all generations older than `generation`, with what belongs to them. If we crash between
 * two of the files, the next start ignores the rest (a newer generation exists) and removes it.
 */
export function removeOlderGenerations(dir: string, generation: number): void {
  for (const name of readdirSync(dir)) {
    const number = /^decisions-([0-9]+)\.db(-wal|-shm|-journal)?$/.exec(name)?.[1];
    if (number !== undefined && Number(number) < generation) rmSync(join(dir, name));
  }
}

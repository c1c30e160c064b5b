import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { SqliteDatabase } from './sqlite-database.ts';

/** What a file looks like from outside, to tell whether anybody has written to it since. */
export interface FileMark {
  /** Committed frames in its WAL. */
  readonly frames: number;
  /** Salt of that WAL; another one begins with another. */
  readonly salt: string;
  readonly size: number;
  readonly changedAtNs: string;
}

/**
 * Takes a mark. `reader` is a connection outside of the open transaction. The file itself is never
 * opened here: closing it would drop all locks that SQLite has on it in this process.
 */
export function markOf(file: string, reader: SqliteDatabase): FileMark {
  const [{ log }] = reader.pragma('wal_checkpoint(PASSIVE)') as [{ readonly log: number }];
  const { size, mtimeNs } = statSync(file, { bigint: true });
  const frames = Math.max(0, log);
  const salt = frames > 0 ? saltOf(`${file}-wal`) : '';
  return { frames, salt, size: Number(size), changedAtNs: String(mtimeNs) };
}

/**
 * Whether nobody can have committed between two marks. While the WAL is the same one, its number of
 * frames tells. Without frames, before and after, the file itself must be untouched; after a power
 * cut its time may be an older one. In between it can't be told, and the answer is no.
 */
export function isUntouched(before: FileMark, now: FileMark): boolean {
  if (before.frames > 0) return now.frames === before.frames && now.salt === before.salt;
  if (now.frames > 0 || now.size !== before.size) return false;
  return BigInt(now.changedAtNs) <= BigInt(before.changedAtNs);
}

/** The inode, which a copy does not share; empty when the file is not there. */
export function placeOf(file: string): string {
  // Not the device: its number may be another after each mount.
  const found = statSync(file, { throwIfNoEntry: false, bigint: true });
  return found ? String(found.ino) : '';
}

function saltOf(wal: string): string {
  const bytes = Buffer.alloc(8);
  const handle = openSync(wal, 'r');
  try {
    readSync(handle, bytes, 0, 8, 16);
  } finally {
    closeSync(handle);
  }
  return bytes.toString('hex');
}

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of a log's folder by name: what stands on a disk at one moment. */
export type LogFiles = ReadonlyMap<string, Buffer>;

/** Reads the files of a folder, but not its lock: closing a copy of that would free the lock. */
export function readFiles(dir: string): LogFiles {
  const entries = readdirSync(dir, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== 'lock.db');
  return new Map(files.map(({ name }) => [name, readFileSync(join(dir, name))]));
}

/** Puts files into a folder that holds nothing else afterwards. */
export function writeFiles(dir: string, files: LogFiles): void {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const [name, bytes] of files) writeFileSync(join(dir, name), bytes);
}

/** The files with one of them replaced, or taken away. */
export function withFile(files: LogFiles, name: string, bytes: Buffer | undefined): LogFiles {
  const changed = new Map(files);
  if (bytes) changed.set(name, bytes);
  else changed.delete(name);
  return changed;
}

/** The files that a folder does not hold any more as they were. */
export function changedFiles(dir: string, files: LogFiles): string[] {
  return [...files].flatMap(([name, bytes]) => {
    const path = join(dir, name);
    return existsSync(path) && readFileSync(path).equals(bytes) ? [] : [name];
  });
}

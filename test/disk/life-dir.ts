import { closeSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type LogFiles, writeFiles } from './log-files.ts';
import { watchedFolder } from './shim/shim-control.ts';

/** Where Linux lists what a process has open. */
const openFiles = '/proc/self/fd';

let lifeCount = 0;

/**
 * A folder with the files on which a life begins, never used before: what an abandoned engine still
 * does when it is collected, it does by path, to its own folder.
 */
export function lifeDir(files: LogFiles): { readonly path: string; [Symbol.dispose](): void } {
  const path = join(watchedFolder() ?? '', `life-${(lifeCount += 1)}`);
  writeFiles(path, files);
  const remove = () => {
    closeLeftOpen(path);
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  };
  return { path, [Symbol.dispose]: remove };
}

/**
 * Closes what a log that has failed leaves to the end of its process or thread. What SQLite has open it
 * closes itself, when it is collected.
 */
function closeLeftOpen(dir: string): void {
  for (const file of readdirSync(openFiles)) {
    const path = linkOf(join(openFiles, file));
    if (path === join(dir, 'tip') || path === join(dir, 'mirror')) closeSync(Number(file));
  }
}

/** Undefined of what was open for the listing alone. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

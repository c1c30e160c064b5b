import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type LogFiles, writeFiles } from './log-files.ts';
import { watchedFolder } from './shim/shim-control.ts';

let lifeCount = 0;

/**
 * A folder with the files on which a life begins, never used before: what an abandoned engine still
 * does when it is collected, it does by path, to its own folder.
 */
export function lifeDir(files: LogFiles): { readonly path: string; [Symbol.dispose](): void } {
  const path = join(watchedFolder() ?? '', `life-${(lifeCount += 1)}`);
  writeFiles(path, files);
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  return { path, [Symbol.dispose]: remove };
}

import { constants, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { generationPath } from './log-folder.ts';
import { tipPath } from './tip-witness.ts';

/**
 * Copies the files of a damaged log, and its mirror, to `quarantine/TIMESTAMP/`; answers that folder. The
 * originals stay as they are. A service that is restarted again and again fills no disk: when the
 * newest copy is of the very same files, that one is returned.
 */
export function copyAside(
  dir: string,
  generation: number | undefined,
  mirror: string | undefined,
): string {
  const database = generationPath(dir, generation ?? 0);
  const all = [
    database,
    `${database}-wal`,
    tipPath(dir),
    ...(mirror === undefined ? [] : [mirror]),
  ];
  const files = all.filter((path) => existsSync(path));
  const quarantine = join(dir, 'quarantine');
  mkdirSync(quarantine, { recursive: true, mode: 0o700 });
  const newest = readdirSync(quarantine).toSorted().at(-1);
  if (newest !== undefined && holdsSame(join(quarantine, newest), files)) {
    return join(quarantine, newest);
  }
  const target = join(quarantine, new Date().toISOString().replaceAll(':', '-'));
  mkdirSync(target, { mode: 0o700 });
  for (const path of files) {
    copyFileSync(path, join(target, basename(path)), constants.COPYFILE_FICLONE);
  }
  return target;
}

function holdsSame(copyDir: string, files: readonly string[]): boolean {
  if (readdirSync(copyDir).length !== files.length) return false;
  return files.every((path) => {
    const copy = join(copyDir, basename(path));
    return existsSync(copy) && readFileSync(copy).equals(readFileSync(path));
  });
}

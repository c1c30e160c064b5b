import {
  constants,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnanimousError } from '@unanimous/proto/vocabulary';
import { generationPath, isFolderHeld, listGenerations } from './log-folder.ts';
import { tipPath } from './tip-witness.ts';

/** A log's files at one moment, in a folder that is removed in the end. */
export interface LogCopy extends Disposable {
  readonly dir: string;
  readonly mirror: string | undefined;
  readonly generation: number | undefined;
}

/** Name of the mirror in the copy; no file of a log has such a name. */
const mirrorName = 'copy-of-the-mirror';

/**
 * Copies the newest generation, the witness and the mirror of a log that nobody runs, into the system's
 * folder for temporary files. Changes nothing where the log is. `copied` is for tests: it is called after
 * the copying, before the last look at the originals.
 * @throws UnanimousError `log-locked` when a coordinator has the folder or had it meanwhile;
 * `invalid-argument` when there is no such folder; others as the file system threw them.
 */
export function copyLog(
  dir: string,
  mirror: string | undefined,
  copied: () => void = () => {},
): LogCopy {
  checkFolder(dir);
  const before = stateOf(dir, mirror);
  const generation = listGenerations(dir).at(-1);
  const copyDir = mkdtempSync(join(tmpdir(), 'unanimous-log-'));
  const remove = () => rmSync(copyDir, { recursive: true, force: true });
  try {
    const database = generationPath(dir, generation ?? 0);
    const target = generationPath(copyDir, generation ?? 0);
    const mirrorCopy = mirror === undefined ? undefined : join(copyDir, mirrorName);
    copyIfThere(database, target);
    copyIfThere(`${database}-wal`, `${target}-wal`);
    copyIfThere(tipPath(dir), tipPath(copyDir));
    if (mirror !== undefined && mirrorCopy !== undefined) copyIfThere(mirror, mirrorCopy);
    copied();
    // Whoever has started meanwhile has written; files of two moments would look damaged.
    if (stateOf(dir, mirror) !== before) throw held(dir);
    return { dir: copyDir, mirror: mirrorCopy, generation, [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function checkFolder(dir: string): void {
  if (existsSync(dir) && statSync(dir).isDirectory()) return;
  throw new UnanimousError('invalid-argument', `there is no folder ${dir}`, {
    hint: 'Name the folder of the log, its --data.',
  });
}

/** What would be different if anybody had written. */
function stateOf(dir: string, mirror: string | undefined): string {
  if (isFolderHeld(dir)) throw held(dir);
  const names = readdirSync(dir).filter((name) => /^(decisions-|tip$|reading-)/.test(name));
  const paths = [
    ...names.map((name) => join(dir, name)),
    ...(mirror === undefined ? [] : [mirror]),
  ];
  const states = paths.map((path) => {
    const { ino, size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
    return `${path} ${ino} ${size} ${mtimeMs}`;
  });
  return states.join('\n');
}

function held(dir: string): UnanimousError {
  return new UnanimousError('log-locked', `a coordinator runs on ${dir}`, {
    hint: 'Stop it first; it checks all of its log whenever it starts.',
  });
}

function copyIfThere(from: string, to: string): void {
  if (existsSync(from)) copyFileSync(from, to, constants.COPYFILE_FICLONE);
}

import { closeSync, fsyncSync, openSync, readFileSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { type FileForcer, LateForcer } from './file-forcer.ts';
import { syncFolder } from './log-folder.ts';
import { encodeGroup, type MirrorGroup } from './mirror-groups.ts';
import { writeFully } from './write-fully.ts';

/** The file grows by zeros of so many bytes, so that a group changes content alone, not length. */
const growthBytes = 262_144;

/**
 * The second place of every record: a plain file, best on another disk. What it holds is durable after
 * `create`, `rewrite` and `finish`. All methods throw the error of the file system.
 */
export class MirrorFile {
  readonly #path: string;
  readonly #forcer: FileForcer;
  #file: number;
  #usedBytes: number;
  #allocatedBytes: number;

  private constructor(
    path: string,
    written: { file: number; usedBytes: number },
    forcer: FileForcer,
  ) {
    this.#path = path;
    this.#forcer = forcer;
    this.#file = written.file;
    this.#usedBytes = written.usedBytes;
    this.#allocatedBytes = written.usedBytes;
  }

  /** Replaces whatever stands at `path` by these groups, whole or not at all, and opens it. */
  static create(
    path: string,
    groups: Iterable<MirrorGroup>,
    forcer: FileForcer = new LateForcer(),
  ): MirrorFile {
    return new MirrorFile(path, writeAnew(path, groups), forcer);
  }

  /** How much of the file holds records. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Adds a group, which is durable when `finish` has returned; then the next one may begin. */
  begin(group: MirrorGroup): void {
    const bytes = encodeGroup(group, false);
    if (this.#usedBytes + bytes.length > this.#allocatedBytes) this.#grow(bytes.length);
    writeFully(this.#file, bytes, this.#usedBytes);
    this.#usedBytes += bytes.length;
    this.#forcer.begin(this.#file);
  }

  /** Waits for the group that was begun. */
  finish(): void {
    this.#forcer.finish();
  }

  /** Replaces all groups. If we crash here, either file stands there, and both are complete. */
  rewrite(groups: Iterable<MirrorGroup>): void {
    const written = writeAnew(this.#path, groups);
    closeSync(this.#file);
    this.#file = written.file;
    this.#usedBytes = written.usedBytes;
    this.#allocatedBytes = written.usedBytes;
  }

  /** Lets the file go. */
  close(): void {
    this.#forcer.close();
    closeSync(this.#file);
  }

  #grow(neededBytes: number): void {
    const zeros = Buffer.alloc(Math.ceil(neededBytes / growthBytes) * growthBytes);
    writeFully(this.#file, zeros, this.#allocatedBytes);
    this.#allocatedBytes += zeros.length;
  }
}

function writeAnew(
  path: string,
  groups: Iterable<MirrorGroup>,
): { file: number; usedBytes: number } {
  const unfinished = `${path}.tmp`;
  const file = openSync(unfinished, 'w+', 0o600);
  try {
    let usedBytes = 0;
    for (const group of groups) {
      const bytes = encodeGroup(group, usedBytes === 0);
      writeFully(file, bytes, usedBytes);
      usedBytes += bytes.length;
    }
    fsyncSync(file);
    renameSync(unfinished, path);
    syncFolder(dirname(path));
    return { file, usedBytes };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** The bytes of a mirror; undefined when there is no such file. */
export function readMirrorFile(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of a test's own, removed with everything in it when it is disposed of. */
export interface TempDir {
  readonly path: string;
  /** The path of `name` inside the folder. */
  file(name: string): string;
  /** Removes the folder; idempotent. */
  remove(): void;
  [Symbol.dispose](): void;
}

/** Makes a fresh folder under the system's temporary folder. Use it with `using`, or call `remove`. */
export function tempDir(prefix = 'unanimous-test-'): TempDir {
  const path = mkdtempSync(join(tmpdir(), prefix));
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  return { path, file: (name) => join(path, name), remove, [Symbol.dispose]: remove };
}

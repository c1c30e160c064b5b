import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Defect, withDefect } from './mutant.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const leftOut = new Set(['node_modules', 'dist', '.git', '.cache', 'coverage']);

/**
 * Copies the repository into `dir`, with the same dependencies. Processes and threads that tests
 * start there run the copy's sources: its packages are linked to the copy, not to the original.
 */
export function copyRepository(dir: string): void {
  cpSync(repository, dir, {
    recursive: true,
    filter: (path) => !leftOut.has(basename(path)) || path === repository,
  });
  const from = join(repository, 'node_modules');
  const to = join(dir, 'node_modules');
  mkdirSync(join(to, '@unanimous'), { recursive: true });
  for (const name of readdirSync(from)) {
    const isOwn = name === '@unanimous' || name.startsWith('.vite');
    if (!isOwn) symlinkSync(join(from, name), join(to, name));
  }
  for (const name of readdirSync(join(from, '@unanimous'))) {
    symlinkSync(`../../${name}`, join(to, '@unanimous', name));
  }
}

/** Puts a defect into a copy; the returned function takes it out. */
export function putDefect(dir: string, defect: Defect): () => void {
  const path = join(dir, defect.file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(path, withDefect(source, defect));
  return () => writeFileSync(path, source);
}

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../.cache/java/', import.meta.url));

/**
 * The class path of what a pom of this folder depends on, from Maven; asked for once, and again when
 * the pom has changed. Undefined where Java or Maven is missing or the jars can't be had.
 */
export function javaClassPath(pom: string): string | undefined {
  const path = fileURLToPath(new URL(pom, import.meta.url));
  const hash = createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16);
  const kept = join(folder, `${hash}.txt`);
  if (existsSync(kept) && isWhole(kept)) return readFileSync(kept, 'utf8');
  if (spawnSync('java', ['-version'], { stdio: 'ignore' }).status !== 0) return undefined;
  mkdirSync(folder, { recursive: true });
  const made = `${kept}.${process.pid}`; // two test files may ask at once
  const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${made}`];
  const asked = spawnSync('mvn', ['-q', '-B', '-f', path, ...goal], { stdio: 'ignore' });
  if (asked.status !== 0) return undefined;
  renameSync(made, kept);
  return readFileSync(kept, 'utf8');
}

function isWhole(kept: string): boolean {
  return readFileSync(kept, 'utf8').split(':').every(existsSync);
}

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('disk-shim.c', import.meta.url));

/** Compiles the shim into a folder, and returns its path; undefined where there is no `cc`. */
export function buildShim(dir: string): string | undefined {
  const path = join(dir, 'disk-shim.so');
  const args = ['-shared', '-fPIC', '-O2', '-o', path, source, '-ldl', '-lpthread'];
  const { status, error, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
  if (error) return undefined;
  if (status !== 0) throw new Error(`cc failed: ${stderr}`);
  return path;
}

/** The environment in which a process has the shim, for the files below a folder. */
export function shimEnvironment(shim: string, dir: string): Record<string, string> {
  // With io_uring, libuv would go round the C library.
  return { LD_PRELOAD: shim, DISK_SHIM_DIR: dir, UV_USE_IO_URING: '0' };
}

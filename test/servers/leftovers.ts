import { existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * The processes (zombies aside) that have `path` on their command line or in their environment.
 * Linux only; elsewhere none.
 */
export function processesOf(path: string): number[] {
  if (!existsSync('/proc/self/cmdline')) return [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => pid !== process.pid && mentions(pid, path));
}

/** The System V shared memory segments that the process `pid` made. Linux only; elsewhere none. */
export function sharedMemoryOf(pid: number): string[] {
  if (!existsSync('/proc/sysvipc/shm')) return [];
  const lines = readFileSync('/proc/sysvipc/shm', 'utf8').split('\n');
  return lines.filter((line) => line.trim().split(/\s+/)[4] === String(pid));
}

function mentions(pid: number, path: string): boolean {
  return ['cmdline', 'environ'].some((file) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(path);
    } catch {
      return false; // ended since it was listed, or another user's
    }
  });
}

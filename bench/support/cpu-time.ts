import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Linux counts the time of processes in hundredths of a second, and of threads exactly. */
const tickUs = 10_000;

/** CPU time of this process and another while `work` runs, in microseconds. */
export async function cpuTimeOf(work: () => Promise<void>, pid: number): Promise<number> {
  const otherUs = cpuTimeUs(pid);
  const own = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(own);
  return user + system + cpuTimeUs(pid) - otherUs;
}

/** CPU time that a process has used so far, in microseconds, in all its threads. */
export function cpuTimeUs(pid: number): number {
  return scheduledUs(pid) ?? tickedUs(pid);
}

/** What the scheduler has counted in nanoseconds, of threads that live; undefined where it does not. */
function scheduledUs(pid: number): number | undefined {
  const folder = `/proc/${pid}/task`;
  let ns = 0;
  for (const thread of readdirSync(folder)) {
    const file = `${folder}/${thread}/schedstat`;
    if (!existsSync(file)) return undefined;
    ns += Number(readFileSync(file, 'utf8').split(' ')[0]);
  }
  return ns > 0 ? ns / 1_000 : undefined;
}

function tickedUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may hold blanks; utime and stime are the 12th and 13th after it.
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11)
    .map(Number);
  return (user + system) * tickUs;
}

/** Memory of a process that is in RAM, in bytes. */
export function residentBytes(pid: number): number {
  const [, pages = 0] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number);
  return pages * 4_096;
}

/** Memory in RAM that code in C and C++ has taken in a process's main thread, in bytes. */
export function mallocBytes(pid: number): number {
  const smaps = readFileSync(`/proc/${pid}/smaps`, 'utf8');
  const parts = [...smaps.matchAll(/ \[heap\]\n(?:[A-Z].*\n)*?Rss: *(\d+) kB/g)];
  if (parts.length === 0) throw new Error(`/proc/${pid}/smaps tells of no [heap]`);
  return parts.reduce((sum, [, kib]) => sum + Number(kib) * 1_024, 0);
}

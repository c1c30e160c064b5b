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

/** V8 takes its heap in pages of this size, each a mapping of its own. */
const v8PageBytes = 256 * 1_024;

/** Memory in RAM that code in C and C++ has taken, in bytes: what is nobody's file, nor V8's heap. */
export function nativeBytes(pid: number): number {
  const mapping =
    /^([0-9a-f]+)-([0-9a-f]+) rw-p .* 0 *(?:\[heap\])?\n(?:[A-Z].*\n)*?Rss: *(\d+) kB$/gm;
  let kib = 0;
  for (const [, from = '', to = '', rss] of readFileSync(`/proc/${pid}/smaps`, 'utf8').matchAll(
    mapping,
  )) {
    if (Number.parseInt(to, 16) - Number.parseInt(from, 16) !== v8PageBytes) kib += Number(rss);
  }
  return kib * 1_024;
}

import { openSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** Calls that the shim can make fail. */
export const shimCalls = ['open', 'read', 'write', 'sync', 'truncate', 'unlink', 'rename'] as const;

/** A kind of call that the shim sees. */
export type ShimCall = (typeof shimCalls)[number];

/** How a call fails; `short` does half of a write. */
export type ShimFault = 'EIO' | 'ENOSPC' | 'EINTR' | 'short';

/** The folder that the shim watches in this process; undefined without the shim. */
export function watchedFolder(): string | undefined {
  return process.env.DISK_SHIM_DIR || undefined;
}

/** A fault: the n-th call of a kind, once, or it and all after it. */
export interface PlannedFault {
  readonly call: ShimCall;
  readonly n: number;
  readonly fault: ShimFault;
  readonly times: 'once' | 'ever';
}

/** Plans a fault among the calls on the files of a folder. */
export function arm(dir: string, { call, n, fault, times }: PlannedFault): void {
  tell(`@arm:${call}:${n}:${fault}:${times}`, dir);
}

/** Lets every call through again. */
export function disarm(): void {
  tell('@arm:');
}

/** Whether the fault has struck since it was armed. */
export function hasFired(): boolean {
  return tell('@fired').code === 'EEXIST';
}

/** How many calls there were, since it was armed, of the kind for which it was. */
export function callsSeen(): number {
  return -(tell('@count').errno ?? 0) - 10_000;
}

/** Records what succeeds in a folder from now on, to a file of the watched folder. */
export function recordTo(name: string, dir: string): void {
  tell(`@record:${name}`, dir);
}

/** Records no more. */
export function stopRecording(): void {
  tell('@record:');
}

function tell(words: string, dir = watchedFolder() ?? ''): NodeJS.ErrnoException {
  try {
    openSync(join(dir, words), 'r');
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  throw new Error('the shim is not loaded');
}

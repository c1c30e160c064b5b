import { join } from 'node:path';
import { UnanimousError } from '@unanimous/proto';
import type { Check, LazyTrial, Scale } from './check-list.ts';
import { type Beginning, beginningsOf, Ledger, live, mirrorIn } from './life.ts';
import { readFiles, writeFiles } from './log-files.ts';
import { arm, callsSeen, disarm, hasFired } from './shim/shim-control.ts';
import { type ShimCall, shimCalls, type ShimFault, watchedFolder } from './shim/shim-control.ts';
import type { Trial } from './verdict.ts';

const faultsOf: Readonly<Record<ShimCall, readonly ShimFault[]>> = {
  open: ['EIO', 'ENOSPC', 'EINTR'],
  read: ['EIO'],
  write: ['EIO', 'ENOSPC', 'EINTR', 'short'],
  sync: ['EIO', 'ENOSPC', 'EINTR'],
  truncate: ['EIO', 'EINTR'],
  unlink: ['EIO'],
  rename: ['EIO', 'ENOSPC'],
};

/** The n-th call on the log's files fails, for every n that a life comes to. */
export const callChecks: readonly Check[] = shimCalls.map((call) => ({
  name: `call-${call}`,
  about: `the n-th ${call} fails, once or for ever: ${faultsOf[call].join(', ')}`,
  *trials(images, scale) {
    for (const beginning of beginningsOf(images)) {
      const total = countCalls(call, beginning);
      for (const fault of faultsOf[call]) {
        for (const times of timesOf(fault)) {
          // One more than there are: it strikes nobody, and the life ends well.
          for (let n = 1; n <= total + 1; n += stepOf(scale, call)) {
            yield failing(call, n, fault, times, beginning);
          }
        }
      }
    }
  },
}));

/** EINTR means: try again. For ever it would be no fault of a disk, and everybody tries for ever. */
function timesOf(fault: ShimFault): readonly ('once' | 'ever')[] {
  return fault === 'EINTR' ? ['once'] : ['once', 'ever'];
}

function stepOf(scale: Scale, call: ShimCall): number {
  if (scale === 'full' || scale === 'long') return 1;
  const step = call === 'write' ? 5 : ['open', 'read'].includes(call) ? 3 : 1;
  return scale === 'quick' ? step : step * 8 + 1;
}

function lifeDir(): string {
  return join(watchedFolder() ?? '', 'life');
}

function countCalls(call: ShimCall, beginning: Beginning): number {
  const dir = lifeDir();
  writeFiles(dir, beginning.files);
  arm(call, 1_000_000, 'EIO', 'once');
  live(dir, () => {}, mirrorIn(dir, beginning));
  const total = callsSeen();
  disarm();
  if (total === 0) throw new Error(`the shim has seen no ${call}`);
  return total;
}

function failing(
  call: ShimCall,
  n: number,
  fault: ShimFault,
  times: 'once' | 'ever',
  beginning: Beginning,
): LazyTrial {
  return (): Trial => {
    const dir = lifeDir();
    writeFiles(dir, beginning.files);
    const ledger = new Ledger(beginning.promises);
    arm(call, n, fault, times);
    const problem = problemOf(call, () => live(dir, ledger.told, mirrorIn(dir, beginning)));
    const fired = hasFired();
    disarm();
    const where = `on ${beginning.name}`;
    return {
      what: `${call} ${n} ${fault} ${times} ${where}${fired ? '' : ', never reached'}`,
      files: readFiles(dir),
      promises: ledger.promises,
      hasMirror: beginning.hasMirror,
      mustStart: true,
      ...(problem && { problem }),
    };
  };
}

/**
 * A log may fail, and say so, in no other way. SQLite calls a page corrupt that it cannot read; then
 * the start is refused.
 */
function problemOf(call: ShimCall, work: () => void): string | undefined {
  try {
    work();
  } catch (error) {
    const codes = call === 'read' ? ['log-failed', 'log-damaged'] : ['log-failed'];
    if (error instanceof UnanimousError && codes.includes(error.code)) return undefined;
    return `the life ended with ${String((error as Error).stack)}`;
  }
  return undefined;
}

import { UnanimousError } from '@unanimous/proto';
import type { Check, LazyTrial, Scale } from './check-list.ts';
import { type Beginning, beginningsOf, Ledger, live, mirrorIn } from './life.ts';
import { readFiles } from './log-files.ts';
import { arm, callsSeen, disarm, hasFired, shimCalls } from './shim/shim-control.ts';
import type { PlannedFault, ShimCall, ShimFault } from './shim/shim-control.ts';
import { lifeDir } from './life-dir.ts';
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
            yield failing({ call, n, fault, times }, beginning);
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
  const step = call === 'write' ? 13 : call === 'sync' ? 5 : 3;
  return scale === 'quick' ? step : step * 12 + 1;
}

function countCalls(call: ShimCall, beginning: Beginning): number {
  using dir = lifeDir(beginning.files);
  arm(dir.path, { call, n: 1_000_000, fault: 'EIO', times: 'once' });
  live(dir.path, () => {}, mirrorIn(dir.path, beginning));
  const total = callsSeen();
  disarm();
  if (total === 0) throw new Error(`the shim has seen no ${call}`);
  return total;
}

function failing(planned: PlannedFault, beginning: Beginning): LazyTrial {
  return (): Trial => {
    using dir = lifeDir(beginning.files);
    const ledger = new Ledger(beginning.promises);
    const { call, n, fault, times } = planned;
    arm(dir.path, planned);
    const problem = problemOf(call, () =>
      live(dir.path, ledger.told, mirrorIn(dir.path, beginning)),
    );
    const fired = hasFired();
    disarm();
    return {
      what: `${call} ${n} ${fault} ${times} on ${beginning.name}${fired ? '' : ', never reached'}`,
      files: readFiles(dir.path),
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

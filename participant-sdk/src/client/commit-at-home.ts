import { homeGid, reason, type UnanimousError } from '@unanimous/proto';
import type { BranchDriver } from '../participant/branch-driver.ts';
import { abortedError, type LocalTransaction } from '../participant/local-transaction.ts';
import type { Untold } from '../participant/untold.ts';
import type { BranchResult } from '../protocol/branch-state.ts';
import { graceMs, type OutcomeListener } from './await-outcome.ts';
import type { WholeRequest } from './commit-whole.ts';
import type { ClientCore } from './core.ts';
import { homeOutcome, type TransactionOutcome, unknownError } from './outcome.ts';

/** The one branch that can decide a transaction of which nobody else knows, where there is one. */
export function soleDriver(local: LocalTransaction, untold: Untold): BranchDriver | undefined {
  const [only, second] = untold.branches;
  if (second || only?.canOnePhase !== true) return undefined;
  const [driver] = local.drivers;
  return driver;
}

/**
 * Commits a transaction of one branch by that branch's own resource manager. The coordinator has not
 * heard of it, nor has anybody else its gid, so nobody can ask what became of it but its caller; what
 * has begun here is not told any more. Deadline, signal and session stop nothing from here on: what
 * the resource manager answers is the outcome, and where that answer is lost, what the receipt says.
 * Rejects with `aborted` and the reason, or with `unknown` when neither told in time.
 */
export function commitAtHome(
  core: ClientCore,
  local: LocalTransaction,
  untold: Untold,
  driver: BranchDriver,
  request: WholeRequest,
  { resolve, reject }: OutcomeListener,
): void {
  if (untold.link.isOver) {
    const why = reason('session-lost', 'the session was lost before the commit');
    driver.input({ kind: 'let-go', reason: why });
    return reject(abortedError(local.gid, why));
  }
  // In one turn: told before, or never.
  untold.settle();
  const limitMs = request.remainingMs + request.waitAppliedMs + graceMs;
  const tooLate = core.alarms.set(limitMs, () => {
    reject(unknownAtHome(local, `no answer within ${Math.round(limitMs)} ms`));
  });
  local.atHome = {
    outcome: 'unknown',
    left: () => {
      tooLate.cancel();
      reject(unknownAtHome(local, 'the TransactionClient was closed'));
    },
    ended: (result) => {
      tooLate.cancel();
      if (result.result === 'committed') resolve(endedAtHome(local));
      else if (result.result === 'unknown') reject(unknownAtHome(local, result.reason.message));
      else reject(notCommitted(local, untold, result));
    },
  };
  driver.input({ kind: 'commit-at-home' });
}

/** The outcome of what is committed, or wrote nothing, and was told to nobody. */
export function endedAtHome(local: LocalTransaction): TransactionOutcome {
  local.atHome = { outcome: 'committed' };
  return homeOutcome(homeGid(local.gid, 'committed'), 'committed');
}

/** It is aborted as any other: the coordinator hears of it once. */
function notCommitted(
  local: LocalTransaction,
  { link }: Untold,
  result: BranchResult & { readonly result: 'rolled-back' },
): UnanimousError {
  const { gid } = local;
  local.atHome = undefined;
  const why = result.reason ?? reason('rm-unavailable', 'its resource manager rolled it back');
  link.ask('aborts', { gid, reason: why }).catch(() => undefined);
  return abortedError(gid, why);
}

function unknownAtHome(local: LocalTransaction, why: string): UnanimousError {
  return unknownError(homeGid(local.gid, 'unknown'), why);
}

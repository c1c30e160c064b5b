import { failpoint, type Reason, reason, UnanimousError, type WholeBranch } from '@unanimous/proto';
import { KeptVotes } from '../participant/kept-votes.ts';
import { abortedError, type LocalTransaction } from '../participant/local-transaction.ts';
import type { Untold } from '../participant/untold.ts';
import { voteMessage } from '../participant/wire.ts';
import type { BranchVote } from '../protocol/branch-state.ts';
import { commitAndAwait } from './await-outcome.ts';
import { endedAtHome } from './commit-at-home.ts';
import type { ClientCore } from './core.ts';
import { readOutcome, type TransactionOutcome } from './outcome.ts';

/** How a commit is asked for. */
export interface WholeRequest {
  readonly remainingMs: number;
  /** 0: answer when decided. */
  readonly waitAppliedMs: number;
}

/**
 * Commits a transaction that the coordinator has not heard of: its branches prepare without being
 * asked, and begin, branches, votes and commit leave in one message. Until then nobody has a vote, so
 * a no, the deadline or a lost session ends it here; from then on only the coordinator does.
 * @throws UnanimousError `aborted`, and as `commitAndAwait` does.
 */
export async function commitWhole(
  core: ClientCore,
  local: LocalTransaction,
  untold: Untold,
  request: WholeRequest,
): Promise<TransactionOutcome> {
  const outcome = await new Promise<TransactionOutcome | Reason>((resolve, reject) => {
    const kept = new KeptVotes(untold.branches.length, (failure): void => {
      local.keptVotes = undefined;
      // In this very turn: what comes later finds the votes handed over.
      if (!failure && !local.isShown && wroteNothing(kept.votes)) {
        untold.settle(); // nothing hangs on it, so nobody need hear of it
        return resolve(endedAtHome(local));
      }
      const why = failure ?? whyNot(untold);
      if (why) return resolve(why);
      try {
        handOver(core, local, untold, kept.votes, request).then(resolve, reject);
      } catch (error) {
        resolve(UnanimousError.from(error).toReason()); // nothing has left
      }
    });
    local.keptVotes = kept;
    const [only] = untold.branches;
    const onePhase = untold.branches.length === 1 && only?.canOnePhase === true;
    for (const driver of local.drivers) {
      driver.input({ kind: 'prepare', onePhase, work: false, unasked: true });
    }
    kept.endIfComplete();
  });
  if ('outcome' in outcome) {
    if (outcome.outcome === 'aborted') followAbort(local);
    return outcome;
  }
  letGo(local, untold, outcome);
  throw abortedError(local.gid, outcome);
}

function wroteNothing(votes: ReadonlyMap<number, BranchVote>): boolean {
  for (const { kind } of votes.values()) if (kind !== 'read-only') return false;
  return true;
}

function whyNot({ link }: Untold): Reason | undefined {
  return link.isOver ? reason('session-lost', 'the session was lost before the commit') : undefined;
}

function handOver(
  core: ClientCore,
  local: LocalTransaction,
  untold: Untold,
  votes: ReadonlyMap<number, BranchVote>,
  request: WholeRequest,
): Promise<TransactionOutcome> {
  const branches = wholeBranches(local, untold, votes);
  const bytes = branches.reduce((sum, { redo }) => sum + redo.byteLength, 0);
  const { link } = untold;
  const { gid } = local;
  // What is too large for one message goes in several, as if nothing had been prepared yet.
  if (branches.length > 1 && bytes > (link.welcome?.maxPayloadBytes ?? 0)) {
    return untold.tell().then(
      () => commitAndAwait(core, { gid, link, ...request }),
      (error: unknown) => {
        throw refused(local, UnanimousError.from(error));
      },
    );
  }
  failpoint('p.whole.before-send');
  const { waitAppliedMs } = request;
  const remainingMs = Math.ceil(local.remainingMs());
  const whole = { gid, remainingMs, name: untold.name, waitAppliedMs, branches };
  return commitAndAwait(core, {
    ...{ gid, link, ...request },
    send: (hear, fail) => {
      untold.settle();
      for (const driver of local.drivers) driver.input({ kind: 'handed-over' });
      link.request('wholes', whole, {
        answer: (wire) => hear(readOutcome(gid, wire)),
        refuse: (error) => {
          // A refusal alone ends nothing that was handed over: what became of it, the log knows.
          link.request(
            'asks',
            { gid },
            {
              answer: (wire) => {
                const known = readOutcome(gid, wire);
                if (known.outcome === 'aborted') fail(refused(local, error));
                else hear(known);
              },
              refuse: () => hear(undefined),
            },
          );
        },
      });
    },
  });
}

function wholeBranches(
  local: LocalTransaction,
  untold: Untold,
  votes: ReadonlyMap<number, BranchVote>,
): WholeBranch[] {
  const ids = new Map([...local.drivers].map(({ id }) => [id.branch, id]));
  return untold.branches.map(({ number, rm, canOnePhase }) => {
    const id = ids.get(number);
    const vote = votes.get(number);
    if (!id || !vote) throw new UnanimousError('internal', `branch ${number} has not voted`);
    const { kind, receipt, redo, reason: why, incarnation } = voteMessage(id, vote);
    return { rm, canOnePhase, kind, receipt, redo, reason: why, incarnation };
  });
}

/** Nothing of it was accepted, and nothing of it ever will be: its branches roll back. Says why. */
function refused(local: LocalTransaction, error: UnanimousError): UnanimousError {
  followAbort(local);
  return error.code === 'timeout' ? abortedError(local.gid, error.toReason(), error) : error;
}

/** The coordinator has said so; whoever was told already does it anyway. */
function followAbort(local: LocalTransaction): void {
  const order = { kind: 'abort', receipt: '', prepared: true, asker: 'decision' } as const;
  for (const driver of local.drivers) driver.input({ kind: 'order', order });
}

/** Nobody has a vote of it: it ends here, and the coordinator hears of it once. */
function letGo(local: LocalTransaction, untold: Untold, why: Reason): void {
  for (const driver of local.drivers) driver.input({ kind: 'let-go', reason: why });
  if (untold.isTold) return;
  untold.settle();
  untold.link.ask('aborts', { gid: local.gid, reason: why }).catch(() => undefined);
}

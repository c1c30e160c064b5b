import {
  failpoint,
  type Gid,
  type Reason,
  reason,
  UnanimousError,
  type WholeBranch,
} from '@unanimous/proto';
import { KeptVotes } from '../participant/kept-votes.ts';
import { abortedError, type LocalTransaction } from '../participant/local-transaction.ts';
import type { PhaseTwoHere } from '../participant/phase-two-here.ts';
import type { Untold } from '../participant/untold.ts';
import { wholeBranch } from '../participant/wire.ts';
import type { BranchVote } from '../protocol/branch-state.ts';
import {
  askUntilKnown,
  awaitOutcome,
  commitAndAwait,
  type OutcomeListener,
} from './await-outcome.ts';
import { endedAtHome } from './commit-at-home.ts';
import type { ClientCore } from './core.ts';
import { outcomeHere, readOutcome, type TransactionOutcome } from './outcome.ts';

/** How a commit is asked for. */
export interface WholeRequest {
  readonly remainingMs: number;
  /** 0: answer when decided. */
  readonly waitAppliedMs: number;
}

/**
 * Commits a transaction that the coordinator has not heard of: its branches prepare without being
 * asked, and begin, branches, votes and commit leave in one message. Until then nobody has a vote, so
 * a no, the deadline or a lost session ends it here; from then on only the coordinator does. The
 * listener hears `aborted`, or what `commitAndAwait` tells.
 */
export function commitWhole(
  core: ClientCore,
  local: LocalTransaction,
  untold: Untold,
  request: WholeRequest,
  listener: OutcomeListener,
): void {
  const failed = (why: Reason): void => {
    local.keptVotes = undefined;
    letGo(local, untold, why);
    listener.reject(abortedError(local.gid, why));
  };
  const leave = (): void => {
    const why = whyNot(untold);
    if (why) return kept.fail(why);
    if (!kept.handOver()) return; // it has failed while it waited for room
    local.keptVotes = undefined;
    // In this very turn: what comes later finds the votes handed over.
    try {
      handOver(core, local, untold, kept.votes, request, listener);
    } catch (error) {
      failed(UnanimousError.from(error).toReason()); // nothing has left
    }
  };
  const endHere = (): void => {
    if (!kept.handOver()) return;
    local.keptVotes = undefined;
    untold.settle(); // nothing hangs on it, so nobody need hear of it
    listener.resolve(endedAtHome(local));
  };
  const complete = (): void => {
    if (!local.isShown && wroteNothing(kept.votes)) return endHere();
    if (untold.link.isOver) leave();
    else untold.link.whenRoom(payloadBytes(kept.votes), leave);
  };
  const kept = new KeptVotes(untold.branches.length, { complete, failed });
  local.keptVotes = kept;
  const [only] = untold.branches;
  const onePhase = untold.branches.length === 1 && only?.canOnePhase === true;
  for (const driver of local.drivers) {
    driver.input({ kind: 'prepare', onePhase, work: false, unasked: true });
  }
  kept.completeIfAll();
}

function wroteNothing(votes: readonly (BranchVote | undefined)[]): boolean {
  return votes.every((vote) => vote === undefined || vote.kind === 'read-only');
}

function whyNot({ link }: Untold): Reason | undefined {
  return link.isOver ? reason('session-lost', 'the session was lost before the commit') : undefined;
}

function handOver(
  core: ClientCore,
  local: LocalTransaction,
  untold: Untold,
  votes: readonly (BranchVote | undefined)[],
  request: WholeRequest,
  listener: OutcomeListener,
): void {
  const branches = wholeBranches(local, untold, votes);
  const bytes = payloadBytes(votes);
  const { link } = untold;
  const { gid } = local;
  // What is too large for one message goes in several, as if nothing had been prepared yet.
  if (branches.length > 1 && bytes > (link.welcome?.maxPayloadBytes ?? 0)) {
    untold.tell().then(
      () => commitAndAwait(core, { gid, link, ...request }, listener),
      (error: unknown) => listener.reject(refused(local, UnanimousError.from(error))),
    );
    return;
  }
  failpoint('p.whole.before-send');
  const { waitAppliedMs } = request;
  const remainingMs = Math.ceil(local.remainingMs());
  const { resolve, reject } = listener;
  untold.settle();
  const here = core.participant.handOver(local);
  const told = (outcome: TransactionOutcome): void => {
    if (outcome.outcome === 'aborted') followAbort(local);
    const isCommitted = outcome.outcome === 'committed' && outcome.heuristics.length === 0;
    if (here && isCommitted && !outcome.applied) waitHere(core, here, gid, waitAppliedMs, resolve);
    else resolve(outcome);
  };
  const askedMs = here ? 0 : waitAppliedMs;
  const asked = { gid, link, remainingMs: request.remainingMs, waitAppliedMs: askedMs };
  const awaited = awaitOutcome(core, asked, { resolve: told, reject });
  const whole = { gid, remainingMs, name: untold.name, waitAppliedMs: askedMs, branches };
  link.request('wholes', whole, {
    answer: (wire) => awaited.hear(readOutcome(gid, wire)),
    refuse: (error) => {
      // A refusal alone ends nothing that was handed over: what became of it, the log knows.
      link.request(
        'asks',
        { gid },
        {
          answer: (wire) => {
            const known = readOutcome(gid, wire);
            if (known.outcome === 'aborted') awaited.fail(refused(local, error));
            else awaited.hear(known);
          },
          refuse: () => awaited.hear(undefined),
        },
      );
    },
  });
}

/** Resolves when all branches of a committed transaction have ended here, or the wait is over. */
function waitHere(
  core: ClientCore,
  here: PhaseTwoHere,
  gid: Gid,
  waitAppliedMs: number,
  resolve: OutcomeListener['resolve'],
): void {
  const soFar = () => outcomeHere(gid, here.branches);
  const untilMs = core.settings.ambient.nowMs() + waitAppliedMs;
  here.whenOver(waitAppliedMs, {
    over: () => resolve(soFar()),
    // Another instance may end what has not ended here. It is committed, whatever comes of asking.
    lost: () => {
      const asked = askUntilKnown(core, gid, { untilMs, appliedUntilMs: untilMs });
      void asked.catch(soFar).then(resolve);
    },
  });
}

function payloadBytes(votes: readonly (BranchVote | undefined)[]): number {
  let bytes = 0;
  for (const vote of votes) if (vote?.kind === 'yes') bytes += vote.redo.byteLength;
  return bytes;
}

function wholeBranches(
  local: LocalTransaction,
  untold: Untold,
  votes: readonly (BranchVote | undefined)[],
): WholeBranch[] {
  return untold.branches.map(({ number, canOnePhase }) => {
    const id = local.drivers.find((driver) => driver.id.branch === number)?.id;
    const vote = votes[number];
    if (!id || !vote) throw new UnanimousError('internal', `branch ${number} has not voted`);
    return wholeBranch(id, canOnePhase, vote);
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

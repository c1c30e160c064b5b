import { type Gid, type Reason, reason } from '@unanimous/proto/vocabulary';
import type { Decision, Input, Result } from './decide.ts';
import type { DecidedBranch } from './record.ts';
import { type Branch, evolve, isOver, isPermitted } from './transaction.ts';
import type { Transaction, TransactionEvent } from './transaction.ts';

/** The reason of a result, for who must hear one. */
export function whyIsIt(result: Result, rm: string): Reason {
  return result.reason ?? reason('heuristic', 'was committed', rm);
}

/** Nothing happens. */
export const nothing: Decision = { events: [] };

/** Branches that voted yes, as records hold them. */
export function prepared(state: Transaction): readonly DecidedBranch[] {
  return state.branches.filter((b) => b.state.is === 'yes').map(decided);
}

/** The branch, as records hold it. */
export function decided(b: Branch): DecidedBranch {
  const { branch, rm, kind, incarnation, receipt, redo } = b;
  return { branch, rm, kind, incarnation, receipt, redo };
}

/** Turns what a participant says of phase two into events. */
export function decideResult(state: Transaction, number: number, result: Result): Decision {
  const branch = state.branches.find((b) => b.branch === number);
  if (branch === undefined) return nothing;
  switch (state.phase) {
    case 'committing':
      return decideCommitResult(state, branch, result);
    case 'delegated':
      return isPermitted(branch) ? decideDelegatedResult(state, branch, result) : nothing;
    case 'aborted':
      return decideAbortResult(state, branch, result);
    case 'active':
    case 'preparing':
    case 'deciding':
    case 'delegating':
    case 'committed':
      return nothing;
  }
}

function decideCommitResult(state: Transaction, branch: Branch, result: Result): Decision {
  // What an operator said stands until the resource manager itself says committed.
  const open = !isOver(branch) || branch.state.is === 'resolved';
  if (!open) return nothing;
  if (result.is === 'pending') {
    return { events: [{ kind: 'reported', branch: branch.branch, reason: result.reason }] };
  }
  if (result.is !== 'committed') {
    if (branch.state.is === 'resolved') return nothing;
    const deviated = heuristic(state.gid, 'committed', branch, result.is, result.reason);
    return { events: withEnd(state, branch, deviated) };
  }
  const event = { kind: 'followed', branch: branch.branch, as: 'committed' } as const;
  return { events: withEnd(state, branch, event) };
}

/** The event, and with it the end where no other branch owes an answer. */
function withEnd(
  state: Transaction,
  branch: Branch,
  event: TransactionEvent,
): readonly TransactionEvent[] {
  const isLast = state.branches.every((b) => b === branch || isOver(b));
  return isLast ? [event, ...decideEnd(state, evolve(state, event))] : [event];
}

/**
 * A decision is forgotten only when every participant has acknowledged it, never by age. Where one did
 * not follow, or an operator has spoken, it is kept; who has acknowledged is told nothing again.
 */
function decideEnd(before: Transaction, after: Transaction): readonly TransactionEvent[] {
  const { gid, branches } = after;
  const deviates = ({ state }: Branch) => state.is === 'heuristic' || state.is === 'resolved';
  if (!branches.some(deviates)) return [{ kind: 'ended', gid }];
  const by = branches.filter((b) => b.state.is === 'committed').map((b) => b.branch);
  const isNews = !before.branches.every(isOver) && by.length > 0;
  return isNews ? [{ kind: 'acknowledged', gid, by }] : [];
}

function decideDelegatedResult(state: Transaction, branch: Branch, result: Result): Decision {
  const { gid } = state;
  const others = prepared(state);
  switch (result.is) {
    case 'committed':
      // Only now the others' commit is decided; if we crash before it is durable, we ask again.
      if (others.length > 0) return { events: [{ kind: 'commit-decided', gid, branches: others }] };
      return {
        events: [
          { kind: 'settled', gid, outcome: 'committed' },
          { kind: 'ended', gid },
        ],
      };
    case 'rolled-back': {
      const settled = { kind: 'settled', gid, outcome: 'aborted', reason: result.reason } as const;
      return { events: [settled, { kind: 'ended', gid }] };
    }
    case 'unknown':
      // Known already; or an operator has given it up, and `unknown` is no news.
      if (isOver(branch)) return nothing;
      return { events: [heuristic(gid, 'delegated', branch, 'unknown', result.reason)] };
    case 'pending':
      return { events: [{ kind: 'reported', branch: branch.branch, reason: result.reason }] };
  }
}

function decideAbortResult(state: Transaction, branch: Branch, result: Result): Decision {
  // An operator said that it was rolled back, an abort without a receipt found nothing to undo, or a
  // PREPARE landed whose answer was lost; and the resource manager itself knows better.
  const { state: said } = branch;
  const isContradicted =
    result.is === 'committed' &&
    (said.is === 'no' ||
      said.is === 'rolled-back' ||
      (said.is === 'resolved' && said.resolution === 'rolled-back'));
  if (isOver(branch) && !isContradicted) return nothing;
  const { branch: number } = branch;
  switch (result.is) {
    case 'rolled-back':
      return { events: [{ kind: 'followed', branch: number, as: 'rolled-back' }] };
    case 'committed':
    case 'unknown':
      return {
        events: [heuristic(state.gid, 'aborted', branch, result.is, whyIsIt(result, branch.rm))],
      };
    case 'pending':
      return { events: [{ kind: 'reported', branch: number, reason: result.reason }] };
  }
}

function heuristic(
  gid: Gid,
  decision: 'committed' | 'aborted' | 'delegated',
  branch: Branch,
  result: 'committed' | 'rolled-back' | 'unknown',
  why: Reason,
): TransactionEvent {
  return { kind: 'heuristic', gid, decision, branch: decided(branch), result, reason: why };
}

/** Turns an operator's word into events. */
export function decideResolve(state: Transaction, input: Input & { kind: 'resolve' }): Decision {
  const branch = state.branches.find((b) => b.branch === input.branch);
  // Of the prepared ones that wait for a delegated branch nobody may speak: they follow its word.
  const isWaiting = state.phase === 'delegated' && branch !== undefined && !isPermitted(branch);
  const stuck = branch !== undefined && needsWord(branch) && !isWaiting;
  const decidedPhase =
    state.phase === 'committing' || state.phase === 'delegated' || state.phase === 'aborted';
  if (!stuck || !decidedPhase) {
    const message = `branch ${input.branch} of ${state.gid} is neither stuck nor heuristic`;
    return { refused: reason('cannot-resolve', message, branch?.rm) };
  }
  const others = prepared(state);
  if (state.phase === 'delegated' && input.resolution === 'abandoned' && others.length > 0) {
    const message = `${others.length} prepared branches of ${state.gid} wait for what this one did`;
    const hint = 'Ask the service, and say committed or rolled-back.';
    return { refused: { ...reason('cannot-resolve', message, branch.rm), hint } };
  }
  const { gid } = state;
  const { branch: number, resolution, reason: why, operator, at } = input;
  const audit = reason('heuristic', `resolved by ${operator}: ${why}`, branch.rm);
  const events: TransactionEvent[] = [];
  // An abort has no record: the log must know the branch before it holds a word about it.
  if (state.phase === 'aborted' && !isOver(branch)) {
    events.push(heuristic(gid, 'aborted', branch, 'unknown', audit));
  }
  const word = {
    kind: 'resolved',
    gid,
    branch: number,
    resolution,
    reason: why,
    operator,
    at,
  } as const;
  events.push(...(state.phase === 'committing' ? withEnd(state, branch, word) : [word]));
  // Only the receipt's holder knew what became of a delegated branch; now the operator's word counts.
  if (state.phase === 'delegated' && resolution === 'committed' && others.length > 0) {
    // First, because its place in the log is that of the first record.
    events.unshift({ kind: 'commit-decided', gid, branches: others });
  } else if (state.phase === 'delegated' && resolution !== 'abandoned') {
    const outcome = resolution === 'committed' ? 'committed' : 'aborted';
    events.push({ kind: 'settled', gid, outcome, reason: audit });
  }
  return { events };
}

/** A word on a branch may still come: it is stuck, did not follow, or was only given up. */
function needsWord(branch: Branch): boolean {
  const { state } = branch;
  if (state.is === 'resolved') return state.resolution === 'abandoned';
  return !isOver(branch) || state.is === 'heuristic';
}

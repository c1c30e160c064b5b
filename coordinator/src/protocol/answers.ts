import { type Reason, reason } from '@unanimous/proto/vocabulary';
import { isOver, type Transaction } from './transaction.ts';

/** What a participant is told of a prepared branch that it found. */
export type VerdictOn = 'commit' | 'abort' | 'wait' | 'hazard';

/** The verdict on a prepared branch of a transaction that is known. */
export function verdictOn(state: Transaction, number: number): VerdictOn {
  const branch = state.branches.find((b) => b.branch === number);
  // An operator's word may have been acted upon outside: follow it, or leave the branch alone.
  if (branch?.state.is === 'resolved') {
    const { resolution } = branch.state;
    if (resolution === 'abandoned') return 'hazard';
    return resolution === 'committed' ? 'commit' : 'abort';
  }
  switch (state.phase) {
    case 'active':
    case 'preparing':
    case 'deciding':
    case 'delegating':
    case 'delegated':
      return 'wait';
    case 'committing':
    case 'committed':
      // The record lists every branch that voted yes. What it does not list has nothing to commit.
      return branch === undefined || branch.state.is === 'read-only' ? 'hazard' : 'commit';
    case 'aborted':
      return 'abort';
  }
}

/** What an operator has said of a branch, for its resource manager to write down. */
export function wordOn(state: Transaction, number: number): Reason | undefined {
  const branch = state.branches.find((b) => b.branch === number);
  if (branch?.state.is !== 'resolved') return undefined;
  const { operator, reason: why } = branch.state;
  return reason('heuristic', `resolved by ${operator}: ${why}`, branch.rm);
}

/** The outcome, as far as it is decided; `applied` when no branch owes an answer. */
export function outcomeOf(state: Transaction): {
  readonly is: 'committed' | 'aborted' | 'undecided';
  readonly applied: boolean;
} {
  switch (state.phase) {
    case 'active':
    case 'preparing':
    case 'deciding':
    case 'delegating':
    case 'delegated':
      return { is: 'undecided', applied: false };
    case 'committing':
      return { is: 'committed', applied: state.branches.every(isOver) };
    case 'committed':
      return { is: 'committed', applied: true };
    case 'aborted':
      return {
        is: 'aborted',
        applied: state.branches.every((b) => isOver(b) || isIdle(b.state.is)),
      };
  }
}

/** An aborted branch that never voted yes holds nothing that outlives its connection. */
function isIdle(state: string): boolean {
  return state === 'working' || state === 'asked' || state === 'ready';
}

/** True when an operator should look: a branch did not follow and nobody has resolved it. */
export function hasHeuristic(state: Transaction): boolean {
  return state.branches.some((b) => b.state.is === 'heuristic');
}

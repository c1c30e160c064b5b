import type { BranchView, Gid, Outcome, Reason, TransactionView } from '@unanimous/proto';
import { hasHeuristic, outcomeOf } from './protocol/answers.ts';
import type { HeuristicResult } from './protocol/record.ts';
import { type Branch, isOver, type Transaction } from './protocol/transaction.ts';

const resultNames = {
  committed: 'COMMITTED',
  'rolled-back': 'ROLLED_BACK',
  unknown: 'UNKNOWN_RESULT',
} as const satisfies Record<HeuristicResult, string>;

const outcomeNames = {
  committed: 'OUTCOME_COMMITTED',
  aborted: 'OUTCOME_ABORTED',
  undecided: 'OUTCOME_UNKNOWN',
} as const;

/** An outcome without branches. */
export function bareOutcome(
  gid: string,
  kind: Outcome['kind'],
  reason: Reason | null = null,
): Outcome {
  return { ref: 0, gid, kind, applied: false, pending: [], reason, heuristics: [] };
}

/** The outcome of a transaction as clients are told it. */
export function outcomeView(state: Transaction): Outcome {
  const { is, applied } = outcomeOf(state);
  const outcome = bareOutcome(
    state.gid,
    outcomeNames[is],
    state.phase === 'aborted' ? state.reason : null,
  );
  outcome.applied = applied;
  for (const one of state.branches) {
    const { branch, rm, report, state: b } = one;
    if (is !== 'undecided' && !applied && !isOver(one)) {
      outcome.pending.push({ branch, rm, reason: report ?? null });
    }
    if (b.is !== 'heuristic') continue;
    outcome.heuristics.push({ branch, rm, result: resultNames[b.result], reason: b.reason });
  }
  return outcome;
}

/** What the coordinator knows of a transaction besides its state. */
export interface Circumstances {
  readonly name: string;
  readonly ageMs: number;
  readonly remainingMs: number;
  /** Instance name of a session, for people. */
  readonly instanceOf: (session: number) => string;
}

/** Names of the states that a listed transaction can have. */
export const stateNames = [
  'active',
  'preparing',
  'deciding',
  'delegated',
  'committing',
  'heuristic',
  'committed',
  'aborted',
] as const;

/** Name of a state, for people and for filters. */
export type StateName = (typeof stateNames)[number];

/** True for the name of a state. */
export function isStateName(text: string): text is StateName {
  return (stateNames as readonly string[]).includes(text);
}

/** The name of a transaction's state. */
export function stateName(state: Transaction): StateName {
  if (hasHeuristic(state)) return 'heuristic';
  // Both wait for the log; which record they wait for is of no use to an operator.
  if (state.phase === 'delegating') return 'deciding';
  // Kept for the operator's word on a branch, though nothing is owed any more.
  return state.phase === 'committing' && state.branches.every(isOver) ? 'committed' : state.phase;
}

/** A transaction as operators see it. */
export function transactionView(state: Transaction, known: Circumstances): TransactionView {
  return {
    gid: state.gid,
    state: stateName(state),
    name: known.name,
    ageMs: Math.round(known.ageMs),
    remainingMs: Math.max(0, Math.round(known.remainingMs)),
    branches: state.branches.map((branch) => branchView(state, branch, known)),
    reason: state.phase === 'aborted' ? state.reason : null,
  };
}

/** A transaction that only its gid is known of. */
export function bareTransactionView(
  gid: Gid,
  state: 'active' | 'aborted' | 'expired',
): TransactionView {
  return { gid, state, name: '', ageMs: 0, remainingMs: 0, branches: [], reason: null };
}

function branchView(state: Transaction, branch: Branch, known: Circumstances): BranchView {
  const { state: is } = branch;
  return {
    branch: branch.branch,
    rm: branch.rm,
    kind: branch.kind,
    state: branchStateName(state, branch),
    instance: known.instanceOf(branch.session),
    receipt: branch.receipt,
    reason: is.is === 'heuristic' ? is.reason : (branch.report ?? null),
    resolvedBy: is.is === 'resolved' ? is.operator : '',
    resolvedReason: is.is === 'resolved' ? is.reason : '',
  };
}

function branchStateName(state: Transaction, { state: branch }: Branch): string {
  if (branch.is === 'heuristic') return branch.result;
  if (branch.is !== 'yes' && branch.is !== 'ready') return branch.is;
  if (state.phase === 'delegated') return branch.is === 'ready' ? 'committing' : branch.is;
  if (state.phase === 'committing') return 'committing';
  return state.phase === 'aborted' ? 'aborting' : branch.is;
}

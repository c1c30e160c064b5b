import {
  type Gid,
  type HomeOutcome,
  type Outcome,
  type Reason,
  readReason,
  type Result,
  reason as makeReason,
  UnanimousError,
  type WireReason,
} from '@unanimous/proto';
import { abortedError } from '../participant/local-transaction.ts';
import type { BranchSoFar } from '../participant/phase-two-here.ts';

/** A branch that has not acknowledged its decision yet, with what keeps it, where that is known. */
export interface PendingBranchView {
  readonly branch: number;
  readonly rm: string;
  readonly reason?: Reason;
}

/** A branch that did not follow the decision, or of which nobody can tell. */
export interface HeuristicView {
  readonly branch: number;
  readonly rm: string;
  readonly result: 'committed' | 'rolled-back' | 'unknown';
  readonly reason?: Reason;
}

/** What became of a transaction. */
export interface TransactionOutcome {
  readonly gid: Gid;
  /** `unknown`: not decided yet, ask again. `expired`: the log has forgotten; never an abort. */
  readonly outcome: 'committed' | 'aborted' | 'unknown' | 'expired';
  /** Every branch has acknowledged the decision. */
  readonly applied: boolean;
  readonly pending: readonly PendingBranchView[];
  /** Aborted: why. */
  readonly reason?: Reason;
  readonly heuristics: readonly HeuristicView[];
}

/** A committed transaction. Nothing takes it back, `applied` or not. */
export interface Committed {
  readonly outcome: 'committed';
  readonly gid: Gid;
  /** True: every branch shows its part. False: decided, and `pending` will follow by itself. */
  readonly applied: boolean;
  readonly pending: readonly PendingBranchView[];
}

/** What the gid itself says of a transaction that was told to no coordinator. */
export function homeOutcome(gid: Gid, outcome: HomeOutcome): TransactionOutcome {
  const applied = outcome === 'committed';
  return { gid, outcome, applied, pending: [], heuristics: [] };
}

/** Reads an outcome that the coordinator sent. */
export function readOutcome(gid: Gid, wire: Outcome): TransactionOutcome {
  const why = readWire(wire.reason);
  return {
    gid,
    outcome: outcomes[wire.kind] ?? 'unknown',
    applied: wire.applied,
    pending: wire.pending.map(({ branch, rm, reason }) => {
      const cause = readWire(reason);
      return { branch, rm, ...(cause && { reason: cause }) };
    }),
    ...(why && { reason: why }),
    heuristics: wire.heuristics.map(({ branch, rm, result, reason }) => {
      const cause = readWire(reason);
      return { branch, rm, result: results[result] ?? 'unknown', ...(cause && { reason: cause }) };
    }),
  };
}

/** A committed transaction all of whose branches have voted in this process, by what they have come to. */
export function outcomeHere(gid: Gid, branches: readonly BranchSoFar[]): TransactionOutcome {
  const pending: PendingBranchView[] = [];
  const heuristics: HeuristicView[] = [];
  for (const { id, result, reason } of branches) {
    const { branch, rm } = id;
    const cause = reason && { reason };
    if (result === 'pending') pending.push({ branch, rm, ...cause });
    else if (result !== 'committed') heuristics.push({ branch, rm, result, ...cause });
  }
  return { gid, outcome: 'committed', applied: pending.length === 0, pending, heuristics };
}

const outcomes: Partial<Record<Outcome['kind'], TransactionOutcome['outcome']>> = {
  OUTCOME_COMMITTED: 'committed',
  OUTCOME_ABORTED: 'aborted',
  OUTCOME_EXPIRED: 'expired',
};

const results: Partial<Record<Result, HeuristicView['result']>> = {
  COMMITTED: 'committed',
  ROLLED_BACK: 'rolled-back',
};

/**
 * What `commit()` gives for an outcome: after a commit decision it resolves, but for a heuristic
 * (PROTOCOL rule 9).
 * @throws UnanimousError `heuristic`, `aborted`, `unknown` or `expired`.
 */
export function committedOrThrow(result: TransactionOutcome): Committed {
  const { gid, outcome, applied, pending } = result;
  if (result.heuristics.length > 0) throw heuristicError(result);
  switch (outcome) {
    case 'committed':
      return { outcome, gid, applied, pending };
    case 'aborted':
      throw abortedError(gid, result.reason ?? makeReason('aborted', 'no reason is known'));
    case 'unknown':
      throw unknownError(gid, 'the coordinator cannot tell yet');
    case 'expired':
      throw new UnanimousError('expired', `the log has forgotten transaction ${gid}`, { gid });
  }
}

/** The error of a commit that was asked for and whose decision was not heard. */
export function unknownError(gid: Gid, why: string, cause?: unknown): UnanimousError {
  return new UnanimousError('unknown', `the outcome of ${gid} is not known: ${why}`, {
    gid,
    ...(cause !== undefined && { cause }),
  });
}

function heuristicError({ gid, outcome, heuristics }: TransactionOutcome): UnanimousError {
  const decision = outcome === 'aborted' ? 'abort' : 'commit';
  const list = heuristics.map(({ rm, result }) => `${rm}: ${result}`).join(', ');
  const message = `the decision of ${gid} was ${decision}, but not every branch followed (${list})`;
  const [first] = heuristics;
  return new UnanimousError('heuristic', message, {
    gid,
    ...(first && { rm: first.rm }),
    ...(first?.reason && { reason: first.reason }),
    retryable: false,
  });
}

function readWire(wire: WireReason | null): Reason | undefined {
  return wire ? readReason(wire) : undefined;
}

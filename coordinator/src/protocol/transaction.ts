import type { Gid, Reason } from '@unanimous/proto/vocabulary';
import type { BranchKind, HeuristicResult, LogRecord, Resolution } from './record.ts';

/** A place in the log, which orders decisions. */
export interface Place {
  readonly epoch: number;
  readonly seq: number;
}

/** What a branch has come to, as far as its coordinator knows. */
export type BranchState =
  /** Enlisted; its participant works. */
  | { readonly is: 'working' }
  /** Asked to prepare, or for its receipt. */
  | { readonly is: 'asked' }
  | { readonly is: 'no' }
  /** Has ended without writing; phase two does not concern it. */
  | { readonly is: 'read-only' }
  /** Prepared. */
  | { readonly is: 'yes' }
  /** One phase: not prepared, waits for the permission. */
  | { readonly is: 'ready' }
  | { readonly is: 'committed' }
  | { readonly is: 'rolled-back' }
  /** Did not follow the decision, or nobody can tell. */
  | { readonly is: 'heuristic'; readonly result: HeuristicResult; readonly reason: Reason }
  | {
      readonly is: 'resolved';
      readonly resolution: Resolution;
      readonly reason: string;
      readonly operator: string;
    };

/** One resource manager's part of a transaction. */
export interface Branch {
  /** Number within the transaction, from 1. */
  readonly branch: number;
  readonly rm: string;
  readonly kind: BranchKind;
  readonly canOnePhase: boolean;
  /** The session on which it lives until it votes; 0 when that is not known any more. */
  readonly session: number;
  /** Work handed over with a unary Enlist; empty otherwise. */
  readonly work: Uint8Array;
  readonly state: BranchState;
  /** From its vote; empty before. */
  readonly receipt: string;
  readonly redo: Uint8Array;
  readonly incarnation: string;
  /** What the participant last said of its troubles in phase two. */
  readonly report?: Reason;
}

interface Common {
  readonly gid: Gid;
  readonly branches: readonly Branch[];
}

/** A transaction, as its coordinator sees it. What is not here and not in the log is aborted. */
export type Transaction =
  | (Common & { readonly phase: 'active' })
  | (Common & { readonly phase: 'preparing'; readonly onePhase: boolean })
  /** The decision is with the log; nothing but the log's answer moves it (PROTOCOL rule 3). */
  | (Common & { readonly phase: 'deciding' })
  | (Common & { readonly phase: 'delegating' })
  /** One branch has the permission, the only one or the last; its receipt will tell (rule 6). */
  | (Common & { readonly phase: 'delegated'; readonly at: Place })
  /** Committed, and not yet acknowledged by every branch. */
  | (Common & { readonly phase: 'committing'; readonly at: Place })
  /** Committed, and over. */
  | (Common & { readonly phase: 'committed' })
  | (Common & { readonly phase: 'aborted'; readonly reason: Reason });

/** What happened. Those that are records of the log must survive a crash. */
export type TransactionEvent =
  | { readonly kind: 'enlisted'; readonly branch: Branch }
  | { readonly kind: 'prepare-asked'; readonly onePhase: boolean }
  /** Branches, their votes and the commit came together: nobody need be asked. */
  | {
      readonly kind: 'came-whole';
      readonly onePhase: boolean;
      readonly branches: readonly Branch[];
    }
  | {
      readonly kind: 'voted';
      readonly branch: number;
      readonly state: BranchState & { readonly is: 'no' | 'yes' | 'ready' | 'read-only' };
      readonly receipt: string;
      readonly redo: Uint8Array;
      readonly incarnation: string;
    }
  | { readonly kind: 'nothing-to-commit' }
  | { readonly kind: 'aborted'; readonly reason: Reason }
  | { readonly kind: 'recorded'; readonly at: Place }
  | { readonly kind: 'followed'; readonly branch: number; readonly as: 'committed' | 'rolled-back' }
  | { readonly kind: 'reported'; readonly branch: number; readonly reason: Reason }
  | TransactionRecord;

/** Records that belong to one transaction. */
export type TransactionRecord = Extract<LogRecord, { readonly gid: Gid }>;

/** A transaction that has just begun. */
export function begunTransaction(gid: Gid): Transaction {
  return { phase: 'active', gid, branches: [] };
}

/**
 * Applies one event. The same function runs live and replays the log, where a transaction appears
 * with its first record: `before` is undefined then.
 */
export function evolve(before: Transaction | undefined, event: TransactionEvent): Transaction {
  if (before === undefined) return appear(event);
  const { gid, branches } = before;
  switch (event.kind) {
    case 'enlisted':
      return { ...before, branches: [...branches, event.branch] };
    case 'prepare-asked': {
      const asked = branches.map((b) => changed(b, { state: { is: 'asked' } }));
      return { phase: 'preparing', gid, branches: asked, onePhase: event.onePhase };
    }
    case 'came-whole':
      return { phase: 'preparing', gid, branches: event.branches, onePhase: event.onePhase };
    case 'voted': {
      const { branch, state, receipt, redo, incarnation } = event;
      return {
        ...before,
        branches: change(branches, branch, { state, receipt, redo, incarnation }),
      };
    }
    case 'nothing-to-commit':
    case 'ended':
      if (before.phase === 'aborted') return before;
      return { phase: 'committed', gid, branches: withoutRedo(branches) };
    case 'aborted':
      return { phase: 'aborted', gid, branches: withoutRedo(branches), reason: event.reason };
    case 'commit-decided':
      return { phase: 'deciding', gid, branches: afterTheLast(branches) };
    case 'delegated':
    case 'last-asked':
      return { phase: 'delegating', gid, branches };
    case 'recorded':
      return {
        phase: before.phase === 'delegating' ? 'delegated' : 'committing',
        gid,
        branches,
        at: event.at,
      };
    case 'settled':
      return settle(before, event);
    case 'followed':
      return {
        ...before,
        branches: change(branches, event.branch, { state: { is: event.as }, redo: noBytes }),
      };
    case 'acknowledged':
      return { ...before, branches: haveFollowed(branches, event.by) };
    case 'reported':
      return { ...before, branches: change(branches, event.branch, { report: event.reason }) };
    case 'heuristic': {
      const { result, reason } = event;
      const state: BranchState = { is: 'heuristic', result, reason };
      const known = branches.some((b) => b.branch === event.branch.branch);
      const all = known ? branches : [...branches, fromLog('yes')(event.branch)];
      return { ...before, branches: change(all, event.branch.branch, { state }) };
    }
    case 'resolved': {
      const { resolution, reason, operator } = event;
      const state: BranchState = { is: 'resolved', resolution, reason, operator };
      return { ...before, branches: change(branches, event.branch, { state }) };
    }
  }
}

/** A transaction as its first record in the log shows it. */
function appear(event: TransactionEvent): Transaction {
  switch (event.kind) {
    case 'commit-decided':
      return { phase: 'deciding', gid: event.gid, branches: event.branches.map(fromLog('yes')) };
    case 'delegated':
      return { phase: 'delegating', gid: event.gid, branches: [fromLog('ready')(event.branch)] };
    case 'last-asked': {
      const others = event.others.map(fromLog('yes'));
      const branches = [...others, fromLog('ready')(event.branch)];
      return { phase: 'delegating', gid: event.gid, branches };
    }
    case 'heuristic': {
      // The record of an aborted transaction's branch stands alone: the abort itself has none.
      const aborted: Transaction = {
        phase: 'aborted',
        gid: event.gid,
        branches: [fromLog('yes')(event.branch)],
        reason: event.reason,
      };
      return evolve(aborted, event);
    }
    default:
      throw new Error(`log: ${event.kind} of a transaction that has no decision`);
  }
}

type Decided = Extract<LogRecord, { kind: 'delegated' }>['branch'];

/** One for all: a log of many decisions would make one for each of their branches. */
const noBytes = new Uint8Array();

function fromLog(is: 'yes' | 'ready'): (decided: Decided) => Branch {
  return ({ branch, rm, kind, incarnation, receipt, redo }) => ({
    branch,
    rm,
    kind,
    canOnePhase: is === 'ready',
    session: 0,
    work: noBytes,
    state: { is },
    receipt,
    redo,
    incarnation,
  });
}

function settle(before: Transaction, event: TransactionRecord & { kind: 'settled' }): Transaction {
  const { gid } = before;
  const is = event.outcome === 'committed' ? 'committed' : 'rolled-back';
  const branches = before.branches.map((b): Branch => {
    return b.state.is === 'resolved' || !isPermitted(b) ? b : { ...b, state: { is } };
  });
  if (event.outcome === 'committed') return { phase: 'committed', gid, branches };
  if (event.reason === undefined) throw new Error('log: an abort is settled without a reason');
  return { phase: 'aborted', gid, branches: withoutRedo(branches), reason: event.reason };
}

/** Where one was asked last, a decision stands on its yes. */
function afterTheLast(branches: readonly Branch[]): readonly Branch[] {
  if (!branches.some(({ kind }) => kind === 'last')) return branches;
  return branches.map((b) => {
    const hasDecided = b.state.is === 'ready' || b.state.is === 'heuristic';
    return hasDecided ? changed(b, { state: { is: 'committed' } }) : b;
  });
}

/** Of a delegated transaction: the branch that has the permission, not one that waits for it. */
export function isPermitted(branch: Branch): boolean {
  return branch.state.is !== 'yes' && branch.state.is !== 'read-only';
}

/** Live it is known already; after a restart the log says it of branches that had only voted. */
function haveFollowed(branches: readonly Branch[], by: readonly number[]): readonly Branch[] {
  const isNews = (b: Branch) => b.state.is === 'yes' && by.includes(b.branch);
  if (!branches.some(isNews)) return branches;
  return branches.map((b) => {
    return isNews(b) ? changed(b, { state: { is: 'committed' }, redo: noBytes }) : b;
  });
}

/** Outcomes are kept for long; what nobody will be asked to apply any more is not. */
function withoutRedo(branches: readonly Branch[]): readonly Branch[] {
  if (branches.every(({ redo }) => redo.byteLength === 0)) return branches;
  return branches.map((b) => changed(b, { redo: noBytes }));
}

/** What an event may change of a branch. */
type Change = Partial<Pick<Branch, 'state' | 'receipt' | 'redo' | 'incarnation' | 'report'>>;

function change(branches: readonly Branch[], number: number, changes: Change): readonly Branch[] {
  return branches.map((b) => (b.branch === number ? changed(b, changes) : b));
}

/** Field by field: a branch changes often, and two spreads cost four times as much. */
function changed(b: Branch, changes: Change): Branch {
  const report = changes.report ?? b.report;
  const branch: Branch = {
    branch: b.branch,
    rm: b.rm,
    kind: b.kind,
    canOnePhase: b.canOnePhase,
    session: b.session,
    work: b.work,
    state: changes.state ?? b.state,
    receipt: changes.receipt ?? b.receipt,
    redo: changes.redo ?? b.redo,
    incarnation: changes.incarnation ?? b.incarnation,
  };
  return report === undefined ? branch : { ...branch, report };
}

/** True when the branch needs nothing more from phase two. */
export function isOver(branch: Branch): boolean {
  switch (branch.state.is) {
    case 'no':
    case 'read-only':
    case 'committed':
    case 'rolled-back':
    case 'heuristic':
    case 'resolved':
      return true;
    case 'working':
    case 'asked':
    case 'yes':
    case 'ready':
      return false;
  }
}

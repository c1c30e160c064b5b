import type { Birth, Gid, Reason } from '@unanimous/proto/vocabulary';

/**
 * How a resource manager takes part: `native` prepares by itself, of a `logged` one the coordinator
 * keeps the work, a `last` one can't prepare at all: it is asked when all others have voted yes, and
 * its answer decides.
 */
export type BranchKind = 'native' | 'logged' | 'last';

/** One branch in a decision: all that phase two needs, after any restart. */
export interface DecidedBranch {
  readonly branch: number;
  readonly rm: string;
  readonly kind: BranchKind;
  readonly incarnation: string;
  /** What can tell later whether the branch committed; opaque. */
  readonly receipt: string;
  /** Redo payload of a logged branch; empty for a native one. */
  readonly redo: Uint8Array;
}

/** A branch that did not follow the decision. */
export type HeuristicResult = 'committed' | 'rolled-back' | 'unknown';

/** What an operator said about a branch. */
export type Resolution = 'committed' | 'rolled-back' | 'abandoned';

/**
 * A record of the log. Records are events that must survive a crash; replaying them with the same
 * `evolve` that ran live gives the state back.
 */
export type LogRecord =
  /** The transaction is committed from the moment this is durable. */
  | {
      readonly kind: 'commit-decided';
      readonly gid: Gid;
      readonly branches: readonly DecidedBranch[];
    }
  /** The only branch may commit in one phase; its receipt tells whether it did. */
  | { readonly kind: 'delegated'; readonly gid: Gid; readonly branch: DecidedBranch }
  /**
   * All others are prepared, and the last one may be asked; its answer decides. `commit-decided`
   * follows when that is yes, `settled` when it is no.
   */
  | {
      readonly kind: 'last-asked';
      readonly gid: Gid;
      readonly branch: DecidedBranch;
      readonly others: readonly DecidedBranch[];
    }
  /** What became of a delegated branch. */
  | {
      readonly kind: 'settled';
      readonly gid: Gid;
      readonly outcome: 'committed' | 'aborted';
      readonly reason?: Reason;
    }
  /** A branch did not follow; stays until an operator resolves it. */
  | {
      readonly kind: 'heuristic';
      readonly gid: Gid;
      readonly decision: 'committed' | 'aborted' | 'delegated';
      readonly branch: DecidedBranch;
      readonly result: HeuristicResult;
      readonly reason: Reason;
    }
  /** An operator's word on a branch, with the audit trail. */
  | {
      readonly kind: 'resolved';
      readonly gid: Gid;
      readonly branch: number;
      readonly resolution: Resolution;
      readonly reason: string;
      readonly operator: string;
      /** ISO 8601, for people; nothing depends on it. */
      readonly at: string;
    }
  /**
   * All others have acknowledged where a branch did not follow, or an operator has spoken on one: `by`
   * are told nothing again. No `ended`: what did not follow stays listed.
   */
  | { readonly kind: 'acknowledged'; readonly gid: Gid; readonly by: readonly number[] }
  /** Every branch has acknowledged. */
  | { readonly kind: 'ended'; readonly gid: Gid }
  /** Ended transactions born at or before `through` are forgotten: absence means expired there. */
  | { readonly kind: 'forgotten'; readonly through: Birth }
  /** What the name of a resource manager stands for. */
  | { readonly kind: 'rm-registered'; readonly rm: string; readonly identity: string };

/**
 * How durable each record must be before anybody acts on it. With "what the log does not know is
 * aborted", this table is presumed abort.
 */
export const durability: Readonly<Record<LogRecord['kind'], 'forced' | 'lazy'>> = {
  'commit-decided': 'forced',
  delegated: 'forced',
  'last-asked': 'forced',
  heuristic: 'forced',
  resolved: 'forced',
  forgotten: 'forced',
  'rm-registered': 'forced',
  settled: 'lazy',
  acknowledged: 'lazy',
  ended: 'lazy',
};

import type { Reason } from '@unanimous/proto/vocabulary';

/** A vote that takes the branch out of the transaction, or the transaction down. */
export type NoVote = { readonly kind: 'no'; readonly reason: Reason };

/** Prepared: from its first hand-over on, the branch never aborts alone. */
export type YesVote = {
  readonly kind: 'yes';
  readonly receipt: string;
  readonly redo: Uint8Array;
};

/** One phase: not prepared, waits for the permission. */
export type ReadyVote = { readonly kind: 'ready'; readonly receipt: string };

/** What a branch may vote. */
export type BranchVote = NoVote | YesVote | ReadyVote | { readonly kind: 'read-only' };

/** What the coordinator knows of a branch whose outcome is commit. */
export interface CommitFacts {
  readonly receipt: string;
  readonly redo: Uint8Array;
  readonly epoch: number;
  readonly seq: number;
  readonly lowWaterSeq: number;
}

/**
 * Who wants a branch finished, and so who is told what became of it. `decision`: the coordinator's
 * order, always answered. `scan`: a verdict on a branch that a scan found; without a receipt nobody
 * can tell why such a branch is gone, so only the ordered result is answered. `self`: a branch that
 * never voted; nobody asks. `home`: its own process, of a branch that was committed without anybody's
 * permission; only that process hears what became of it.
 */
export type Asker = 'decision' | 'scan' | 'home' | 'self';

/** What to do with a branch in phase two. */
export type Order =
  | { readonly kind: 'commit'; readonly facts: CommitFacts; readonly asker: Asker }
  /** Permission to commit in one phase. */
  | { readonly kind: 'permit'; readonly facts: CommitFacts; readonly asker: Asker }
  /** Tell by the receipt; commit nothing. */
  | { readonly kind: 'settle'; readonly facts: CommitFacts; readonly asker: Asker }
  | {
      readonly kind: 'abort';
      readonly receipt: string;
      /** False: it has not voted, so no resource manager can hold it prepared. */
      readonly prepared: boolean;
      readonly asker: Asker;
    };

/** An order that a resource manager carries out by itself, whoever opened the branch. */
export type FinishingOrder = Exclude<Order, { readonly kind: 'permit' }>;

/** What became of a branch. `unknown` is a hazard, never a guess. */
export type BranchResult =
  | { readonly result: 'committed' }
  | { readonly result: 'rolled-back'; readonly reason?: Reason }
  | { readonly result: 'unknown'; readonly reason: Reason };

/** A branch as this instance holds it. Each state carries only what is true in it. */
export type BranchState =
  /** Nothing of it is here; another instance may have prepared it. */
  | { readonly at: 'absent' }
  | { readonly at: 'working' }
  /** Rolled back here, or about to be; votes no when asked. */
  | {
      readonly at: 'doomed';
      readonly vote: NoVote;
      /** The rollback runs. */
      readonly undoing: boolean;
      /** Stays to say why, until the transaction is over. */
      readonly keep: boolean;
      /** Waits for the rollback. */
      readonly next?: Order;
    }
  /** PREPARE, or its counterpart of one phase, runs; nothing can stop it, so all else waits. */
  | {
      readonly at: 'preparing' | 'readying';
      /** Nobody has asked: its vote stays here until it is handed over. */
      readonly unasked?: true;
      /** Why it is rolled back as soon as it is prepared. */
      readonly cancelled?: Reason;
      readonly next?: Order;
    }
  /** In doubt. */
  | {
      readonly at: 'prepared';
      readonly vote: YesVote;
      /** The vote was not handed over to any session, so the branch may still abort alone. */
      readonly unasked?: true;
    }
  | { readonly at: 'ready'; readonly vote: ReadyVote }
  /** Read-only: has ended, and stays to say so again. */
  | { readonly at: 'left' }
  | { readonly at: 'committing-one-phase'; readonly facts: CommitFacts; readonly next?: Order }
  /** COMMIT of the only branch of a transaction that nobody else knows of: nothing stops it. */
  | { readonly at: 'committing-at-home' }
  | FinishingState
  | { readonly at: 'done' };

/** Phase two, as often as it needs. */
export interface FinishingState {
  readonly at: 'finishing';
  readonly order: FinishingOrder;
  /** An attempt runs; otherwise the next one waits for its time. */
  readonly running: boolean;
  /** Attempts that failed. */
  readonly failures: number;
  /** The order learned its receipt while an attempt without it ran. */
  readonly again: boolean;
  /** The cause that the coordinator was told last. */
  readonly told: string;
  /** A contrary order; its answer will show that the branch did not follow it. */
  readonly next?: Order;
}

/** What happens to a branch: the coordinator's messages, and the resource's answers. */
export type BranchInput =
  | { readonly kind: 'opened' }
  | {
      readonly kind: 'prepare';
      readonly onePhase: boolean;
      /** Prepare brings the work along. */
      readonly work: boolean;
      /** Why the branch is not whole now. */
      readonly obstacle?: Reason;
      /** The process of the branch itself asks, which hands the vote over later. */
      readonly unasked?: true;
    }
  /** Its process commits it, and tells nobody before or after. */
  | { readonly kind: 'commit-at-home' }
  /** The vote leaves now: from here on the branch never aborts alone (PROTOCOL rule 3). */
  | { readonly kind: 'handed-over' }
  | { readonly kind: 'prepared'; readonly receipt: string; readonly redo: Uint8Array }
  | { readonly kind: 'readied'; readonly receipt: string }
  | { readonly kind: 'read-only' }
  /** The resource manager refused to prepare; the branch has ended. */
  | { readonly kind: 'refused'; readonly reason: Reason }
  | { readonly kind: 'order'; readonly order: Order }
  | { readonly kind: 'finished'; readonly result: BranchResult }
  /** An attempt of phase two, or a commit, brought no answer; `receipt`: what can still tell. */
  | { readonly kind: 'failed'; readonly cause: Reason; readonly receipt?: string }
  | { readonly kind: 'retry' }
  /** The rollback ended; unprepared work dies with its connection, so it never fails. */
  | { readonly kind: 'rolled-back' }
  | { readonly kind: 'doom'; readonly reason: Reason }
  | { readonly kind: 'session-lost'; readonly reason: Reason }
  | { readonly kind: 'deadline-passed'; readonly reason: Reason }
  /** Its process gives the transaction up before any vote of it was handed over. */
  | { readonly kind: 'let-go'; readonly reason: Reason }
  | { readonly kind: 'session-opened' }
  /** The outcome is known here: nobody will ask for the vote again. */
  | { readonly kind: 'outcome-known' }
  /** Committed, and others see to it: a logged branch has left nothing to finish here. */
  | { readonly kind: 'decided-elsewhere' };

/** What happened to a branch. */
export type BranchEvent =
  | { readonly kind: 'opened' }
  | {
      readonly kind: 'prepare-begun';
      readonly onePhase: boolean;
      readonly accept: boolean;
      readonly unasked?: true;
    }
  | { readonly kind: 'cancelled'; readonly reason: Reason }
  /** Prepared or ready, and the vote stays unsaid, because an order waits or it was cancelled. */
  | { readonly kind: 'silently'; readonly vote: YesVote | ReadyVote }
  | { readonly kind: 'voted'; readonly vote: BranchVote; readonly unasked?: true }
  | { readonly kind: 'handed-over' }
  | { readonly kind: 'home-begun' }
  /** What became of it, for its own process. */
  | { readonly kind: 'ended-at-home'; readonly result: BranchResult }
  | { readonly kind: 'voted-again'; readonly vote: BranchVote }
  | { readonly kind: 'doomed'; readonly vote: NoVote; readonly keep: boolean }
  | { readonly kind: 'not-kept' }
  | { readonly kind: 'undone' }
  | { readonly kind: 'order-kept'; readonly order: Order }
  | { readonly kind: 'permitted'; readonly facts: CommitFacts }
  | { readonly kind: 'ordered'; readonly order: FinishingOrder }
  /** The order knows more; `learned`: its receipt, without which an attempt may still run. */
  | { readonly kind: 'strengthened'; readonly order: FinishingOrder; readonly learned: boolean }
  | { readonly kind: 'attempt-failed'; readonly cause: Reason; readonly tell: boolean }
  | { readonly kind: 'attempted-again' }
  | { readonly kind: 'finished'; readonly result: BranchResult; readonly answer: boolean }
  | { readonly kind: 'forgotten' };

/** What the driver must do, in this order. */
export type BranchEffect =
  | { readonly run: 'prepare' | 'ready'; readonly accept: boolean }
  | { readonly run: 'commit-one-phase' }
  | { readonly run: 'commit-at-home' }
  /** Tells the branch's own process. */
  | { readonly run: 'tell-home'; readonly result: BranchResult }
  | { readonly run: 'rollback' }
  | { readonly run: 'finish'; readonly order: FinishingOrder }
  | { readonly run: 'vote'; readonly vote: BranchVote }
  /** The vote is for its own process, which hands it over with those of the other branches. */
  | { readonly run: 'keep-vote'; readonly vote: BranchVote }
  | { readonly run: 'acknowledge'; readonly result: BranchResult }
  | { readonly run: 'acknowledge-pending'; readonly cause: Reason }
  | { readonly run: 'retry-later'; readonly failures: number }
  | { readonly run: 'forget' };

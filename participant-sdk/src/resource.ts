import type { BranchId, Gid, LogId, Reason } from '@unanimous/proto';

/**
 * What a resource manager must offer to take part. `postgres`, `mysql`, `sqliteQueue`, `rabbitmq` and
 * `defineResource` make such objects; write one to enlist something else.
 *
 * Two kinds (see docs/architecture.md): a *native* one prepares in the resource manager itself and
 * is scanned for prepared branches; a *logged* one ships a redo payload with its yes vote, which
 * the coordinator keeps with the decision and hands to any instance to apply. Beside them a
 * transaction may have one *last* one, which can't prepare: it is asked by `ready` as all others are
 * by `prepare`, and `commitOnePhase` runs when all others have voted yes. What that answers is the
 * decision, and what `settle` answers must be the same for ever.
 */
export interface Resource {
  /** Name of the resource manager, the same in all processes that serve it. */
  readonly rm: string;
  readonly kind: 'native' | 'logged' | 'last';
  /** True when a transaction's only branch may skip PREPARE (see OpenBranch.ready). */
  readonly canOnePhase: boolean;
  /**
   * Logged: `commit` may come from the process that voted, when all other branches have committed. It
   * has no low-water position then: `lowWaterSeq` is 0. Absent: only the coordinator asks.
   */
  readonly appliesUnasked?: boolean;
  /** Called once by `tm.serve()`, before `open`. */
  attach(host: ResourceHost): void;
  /**
   * Connects, checks the settings that atomicity hangs on, and says what the name stands for. Called
   * again when a scan has failed: after a failover the name stands for another incarnation.
   * @throws UnanimousError with the remedy; nothing is served then.
   */
  open(): Promise<RmIdentity>;
  /**
   * Native: all prepared branches of this RM, by whichever instance. Logged: those that an abort
   * must undo although nobody may know of them any more; a commit does not need to be found.
   */
  scan(): Promise<readonly BranchId[]>;
  /** The highest log position that the RM itself remembers of this log (PROTOCOL rule 17). */
  remembered(logId: LogId): Promise<SeenPosition | undefined>;
  /** Remembers a position. Called before the first commit of an epoch, then at most once a second. */
  remember(position: SeenPosition): Promise<void>;
  /**
   * Phase two, commit. Idempotent; any instance may be asked. Resolves when durable.
   * @throws anything to be asked again later; the cause is shown to operators.
   */
  commit(branch: BranchId, decided: Decided): Promise<Finished>;
  /** Phase two, abort, of a branch that voted yes or that a scan found. As `commit`. */
  abort(branch: BranchId, receipt: string): Promise<Finished>;
  /** What became of a branch that may have committed in one phase; asks only the receipt. */
  settle(branch: BranchId, receipt: string): Promise<Finished | { readonly result: 'in-progress' }>;
  /**
   * Native: writes down how a branch ended otherwise than by the decision: by an operator's word,
   * before it is followed, or found so. Idempotent. Absent: keeps no such trail (PROTOCOL rule 13).
   */
  audit?(entry: AuditEntry): Promise<void>;
  /** The newest entry for each branch, by whoever wrote it, people included. */
  audited?(): Promise<readonly AuditEntry[]>;
  /** Opens a branch from work that came by the coordinator's unary Enlist; absent: takes none. */
  acceptWork?(id: BranchId, work: Uint8Array): Promise<OpenBranch>;
  /** Lets connections go. Prepared branches stay in the RM. Idempotent. */
  close(): Promise<void>;
}

/** How a branch ended otherwise than by the decision. */
export interface AuditEntry {
  readonly gid: Gid;
  readonly branch: number;
  readonly result: 'committed' | 'rolled-back';
  /** For people: who, and why. */
  readonly reason: string;
}

/** What a name stands for, so that two databases under one name are noticed (PROTOCOL rule 11). */
export interface RmIdentity {
  readonly identity: string;
  /** Changes when the RM's data goes back in time; `[A-Za-z0-9_-]`, at most 40 characters. */
  readonly incarnation: string;
}

/** A log position as participants keep it. */
export interface SeenPosition {
  readonly logId: LogId;
  readonly epoch: number;
  readonly nonce: string;
  readonly seq: number;
  readonly chain: string;
}

/** The work of one transaction in this process, open until it votes. */
export interface OpenBranch {
  /** Names a statement that still runs, or undefined. A busy branch votes no. */
  busy(): string | undefined;
  /**
   * Phase one: makes the branch durable. A throw is a no, and the branch has ended; the runtime
   * calls `rollback` all the same.
   */
  prepare(): Promise<PrepareResult>;
  /** One phase: ends the work without preparing. Resolves with its receipt; then `commitOnePhase`. */
  ready(): Promise<ReadyResult>;
  /** One phase, after the permission. Throws when the result is not known: `settle` follows. */
  commitOnePhase(): Promise<Finished>;
  /**
   * Commits the only branch of a transaction that nobody but this process knows of. Absent: `ready`
   * and `commitOnePhase` are called one after the other. A throw says that nothing was committed;
   * the runtime calls `rollback` then.
   */
  commitAtHome?(): Promise<Finished | LostAnswer>;
  /** Ends a branch that has not voted yes: cancels what runs, lets the connection go. Idempotent. */
  rollback(): Promise<void>;
}

/** A yes or read-only vote. */
export type PrepareResult =
  | { readonly vote: 'yes'; readonly receipt: string; readonly redo: Uint8Array }
  | { readonly vote: 'read-only' };

/** Answer to the question for one phase. */
export type ReadyResult =
  | { readonly vote: 'ready'; readonly receipt: string }
  | { readonly vote: 'read-only' };

/** A commit may have happened or not; `settle` tells by the receipt. Empty: nobody can tell. */
export interface LostAnswer {
  readonly result: 'lost';
  readonly receipt: string;
  readonly reason: Reason;
}

/** What the coordinator knows of a committed branch. */
export interface Decided {
  readonly receipt: string;
  /** Redo payload of a logged branch; empty for a native one. */
  readonly redo: Uint8Array;
  /** Place of the decision in the log: orders conflicting transactions (PROTOCOL rule 14). */
  readonly epoch: number;
  readonly seq: number;
  /** Everything of this RM below it is acknowledged; dedupe marks below can go (rule 16). */
  readonly lowWaterSeq: number;
}

/** What became of a branch. `unknown` is a hazard, never a guess (PROTOCOL rules 11 and 13). */
export type Finished =
  | { readonly result: 'committed' }
  | { readonly result: 'rolled-back'; readonly reason?: Reason }
  | { readonly result: 'unknown'; readonly reason: Reason };

/** What the runtime offers a resource. */
export interface ResourceHost {
  /**
   * The open branch of this resource in the current transaction. The first call enlists it, where the
   * coordinator knows of the transaction, and opens it once that has acknowledged; later calls give the same. Undefined where no
   * transaction is open.
   * @throws UnanimousError `work-after-end`, `branch-doomed`, `not-live`, `not-connected` and others.
   */
  branch<B extends OpenBranch>(open: (id: BranchId) => B): Promise<B> | undefined;
  /**
   * As `branch`, where nobody need be asked for it, so that nothing is waited for: it is open, or the
   * coordinator hears of it later. Undefined elsewhere, and outside a transaction: then `branch` says why.
   */
  branchNow?<B extends OpenBranch>(open: (id: BranchId) => B): B | undefined;
  /** Marks the current transaction's branch as failed: it votes no with this reason. */
  doom(id: BranchId, reason: Reason): void;
}

import type { BranchId } from '@unanimous/proto';
import type { Resource } from '../resource.ts';

/** A resource under test: how to make instances of it, work in them, and read from outside. */
export interface ConformanceSubject<R extends Resource = Resource> {
  readonly kind: 'native' | 'logged';
  /**
   * Makes an instance that serves the target under this name, as another process would; the kit
   * attaches, opens and closes it. All instances of a subject stand before one and the same target.
   * A logged one is called with one name only, that of `rm`.
   */
  make(rm: string): R | Promise<R>;
  /**
   * Writes `text` under `key` inside the current transaction. Both are the kit's own; a key is 1 to
   * 40 characters of `[a-z0-9-]`.
   */
  write(resource: R, key: string, text: string): Promise<unknown>;
  /**
   * What readers see under `key`, by the target's own client: every text in the order in which it
   * came where the target appends, the one that stays where it overwrites, `[]` for nothing. As a
   * careful reader sees it: one of a target that delivers repeatedly leaves out what it knows by id.
   */
  read(key: string): Promise<readonly string[]>;

  /** Name of the resource manager in most cases; `conformance` unless told. */
  readonly rm?: string;
  /** Native: takes part in the transaction by reading alone; must vote read-only. */
  look?(resource: R): Promise<unknown>;
  /**
   * Work that must not commit: a statement that fails, or an effect that `check` refuses. It may
   * throw; the kit goes on as a caller who swallows that.
   */
  fail?(resource: R, key: string): Promise<unknown>;
  /** Logged: deletes what stands under `key`, where the target overwrites. */
  remove?(resource: R, key: string): Promise<unknown>;
  /** Work as it comes from other languages, where the resource has `acceptWork`. */
  work?(key: string, text: string): Uint8Array;
  /** Logged: most bytes of redo payload, where that was raised above the usual 262,144. */
  readonly maxPayloadBytes?: number;
  /** True claims that what is applied late never takes the place of what is newer. */
  readonly ordered?: boolean;
  /**
   * Native: true where the target has one writer. One branch is open or in doubt at a time, others
   * wait for a bounded time; the kit then tries with one what it else tries with several.
   */
  readonly oneAtATime?: boolean;
  /** Native: an operator ends a prepared branch by the server's own means, as far as it has some. */
  readonly byHand?: {
    commit?(branch: BranchId): Promise<unknown>;
    rollBack?(branch: BranchId): Promise<unknown>;
  };
  /** Native: prepares something that is none of ours in the same server; gives what removes it. */
  foreign?(): Promise<() => Promise<unknown>>;
  /** Stops the server, kindly or not, and starts it again with its data. */
  readonly server?: {
    stop(): Promise<unknown>;
    start(): Promise<unknown>;
  };
  /** Logged: lets the target accept and never answer; gives what wakes it. */
  hang?(): Promise<() => Promise<unknown>>;
  /** For cases that kill a process: where a child finds the same subject. */
  readonly child?: ConformanceChild;
  /** Lets go of what `read` and the others hold. Called by children; else it is yours to call. */
  close?(): Promise<unknown>;
}

/** How a child process comes to the subject. */
export interface ConformanceChild {
  /** URL of a module that exports `conformanceSubject(input)`, which gives the same subject. */
  readonly module: string;
  /** Handed over; what survives a message between processes. */
  readonly input?: unknown;
  /** Flags of Node, for a loader say; those of this process unless told. */
  readonly execArgv?: readonly string[];
}

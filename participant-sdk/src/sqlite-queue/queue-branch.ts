import { type BranchId, UnanimousError } from '@unanimous/proto';
import type { Finished, OpenBranch, PrepareResult, ReadyResult } from '../resource.ts';
import { abortBranch, prepareBranch, type StagedMessage } from './branch-rows.ts';
import type { QueueFile } from './queue-file.ts';

/** What a branch needs of its queue. */
export interface QueueBranchOptions {
  readonly queue: QueueFile;
  readonly now: () => number;
}

/** The queue's part of one transaction: messages in memory until the vote, then prepared rows. */
export class QueueBranch implements OpenBranch {
  readonly #id: BranchId;
  readonly #options: QueueBranchOptions;
  readonly #messages: StagedMessage[] = [];
  #state: 'open' | 'preparing' | 'prepared' | 'rolled-back' = 'open';

  constructor(id: BranchId, options: QueueBranchOptions) {
    this.#id = id;
    this.#options = options;
  }

  /**
   * Adds a message.
   * @throws UnanimousError `work-after-end`.
   */
  stage(message: StagedMessage): void {
    const { rm } = this.#id;
    if (this.#state !== 'open') {
      throw new UnanimousError('work-after-end', 'the branch has ended', { rm });
    }
    this.#messages.push(message);
  }

  busy(): undefined {
    return undefined; // staging is synchronous
  }

  async prepare(): Promise<PrepareResult> {
    if (this.#state !== 'open') throw this.#rolledBack();
    this.#state = 'preparing';
    if (this.#messages.length === 0) return { vote: 'read-only' };
    const { queue, now } = this.#options;
    await queue.write((sql) => {
      if (this.#isRolledBack()) throw this.#rolledBack();
      prepareBranch(sql, this.#id, this.#messages, now());
    });
    if (this.#isRolledBack()) {
      await queue.write((sql) => abortBranch(sql, this.#id, now())); // the abort came with the write
      throw this.#rolledBack();
    }
    this.#state = 'prepared';
    return { vote: 'yes', receipt: queue.identity.id, redo: new Uint8Array() };
  }

  ready(): Promise<ReadyResult> {
    return Promise.reject(this.#noOnePhase());
  }

  commitOnePhase(): Promise<Finished> {
    return Promise.reject(this.#noOnePhase());
  }

  /** What is on disk already is left to phase two: a yes may be on its way. */
  async rollback(): Promise<void> {
    if (this.#state === 'prepared') return;
    this.#state = 'rolled-back';
    this.#messages.length = 0;
  }

  #isRolledBack(): boolean {
    return this.#state === 'rolled-back';
  }

  #rolledBack(): UnanimousError {
    return new UnanimousError('work-after-end', 'the branch has ended', { rm: this.#id.rm });
  }

  #noOnePhase(): UnanimousError {
    const message = `${this.#id.rm}: the queue prepares always`;
    return new UnanimousError('internal', message, { rm: this.#id.rm });
  }
}

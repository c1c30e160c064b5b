import { AsyncLocalStorage } from 'node:async_hooks';
import { type ErrorCode, reason, UnanimousError } from '@unanimous/proto';
import type { LocalTransaction, TransactionContext } from './local-transaction.ts';

/** Keeps the scope in which somebody works. */
interface ScopeStorage {
  getStore(): Scope | undefined;
  run<T>(scope: Scope | undefined, fn: () => T): T;
}

let storage: ScopeStorage = new AsyncLocalStorage<Scope | undefined>();

/** One function or handler that works in a transaction, from its start to its answer. */
export class Scope {
  readonly transaction: LocalTransaction;
  readonly #codeWhenUnfinished: ErrorCode;
  readonly #onClose: () => void;
  #unfinished = 0;
  #isClosed = false;

  /** `codeWhenUnfinished`: what it means to answer before the work is done. */
  constructor(
    transaction: LocalTransaction,
    codeWhenUnfinished: 'statement-running' | 'answered-before-enlisted',
    onClose: () => void,
  ) {
    this.transaction = transaction;
    this.#codeWhenUnfinished = codeWhenUnfinished;
    this.#onClose = onClose;
    transaction.runningScopes += 1;
  }

  /** The function has answered. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Runs `fn` so that all it calls finds this scope. */
  run<T>(fn: () => T): T {
    return storage.run(this, fn);
  }

  /**
   * Checks that work may begin here. Work of a function that has already answered dooms the
   * transaction: whoever called it believes that the work is part of it.
   * @throws UnanimousError `work-after-end`.
   */
  checkOpen(): void {
    const { transaction } = this;
    if (transaction.closed) {
      transaction.doom(transaction.closed.toReason());
      throw transaction.closed;
    }
    if (!this.#isClosed) return;
    const message = `work began after its function had answered (transaction ${transaction.gid})`;
    transaction.doom(reason('work-after-end', message));
    throw new UnanimousError('work-after-end', message, { gid: transaction.gid });
  }

  /** Counts work that must be over when the function answers; call the result when it is. */
  begin(): () => void {
    this.#unfinished += 1;
    let isOver = false;
    return () => {
      if (!isOver) this.#unfinished -= 1;
      isOver = true;
    };
  }

  /** As `begin`, for work that is a promise. */
  async track<T>(work: Promise<T>): Promise<T> {
    const end = this.begin();
    try {
      return await work;
    } finally {
      end();
    }
  }

  /**
   * The function answers. What it left unfinished dooms the transaction, loudly (PROTOCOL rules 1
   * and 2), and is returned as the error to answer instead.
   */
  close(): UnanimousError | undefined {
    if (this.#isClosed) return undefined;
    this.#isClosed = true;
    const { transaction } = this;
    transaction.runningScopes -= 1;
    const problem = this.#problem();
    if (problem) transaction.doom(problem.toReason());
    this.#onClose();
    return problem;
  }

  #problem(): UnanimousError | undefined {
    const { gid } = this.transaction;
    const code = this.#codeWhenUnfinished;
    if (this.#unfinished > 0) {
      return new UnanimousError(code, `${this.#unfinished} calls were not awaited`, { gid });
    }
    // Another handler of the same transaction may rightly be at work on the same branch.
    if (this.transaction.runningScopes > 0) return undefined;
    const statement = this.transaction.busy();
    if (statement === undefined) return undefined;
    return new UnanimousError(code, `still running: ${statement}`, { gid });
  }
}

/**
 * @internal For the simulation, which hands scopes on itself: promises that carry them are its
 * dearest part.
 */
export function keepScopesIn(other: ScopeStorage): void {
  storage = other;
}

/** The scope in which the caller works. */
export function currentScope(): Scope | undefined {
  return storage.getStore();
}

/** Runs `fn` outside of any transaction, say to write what must stay whatever the outcome. */
export function outsideTransaction<T>(fn: () => T): T {
  return storage.run(undefined, fn);
}

/** The transaction in which the caller works, or undefined. */
export function currentTransaction(): TransactionContext | undefined {
  return storage.getStore()?.transaction.context;
}

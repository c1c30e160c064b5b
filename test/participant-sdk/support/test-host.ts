import { AsyncLocalStorage } from 'node:async_hooks';
import { type BranchId, type Gid, type Reason, UnanimousError } from '@unanimous/proto';
import type { OpenBranch, ResourceHost } from '../../../participant-sdk/src/resource.ts';

/** A transaction of the test's own, in place of the runtime's. */
export class TestTransaction {
  readonly id: BranchId;
  readonly dooms: Reason[] = [];
  opened: Promise<OpenBranch> | undefined;
  branch: OpenBranch | undefined;
  hasEnded = false;

  constructor(id: BranchId) {
    this.id = id;
  }

  /** The branch; fails when no statement has opened it. */
  get open(): OpenBranch {
    if (!this.branch) throw new Error('no branch was opened');
    return this.branch;
  }
}

/** Drives branches directly: no coordinator, no session. */
export class TestHost implements ResourceHost {
  readonly #storage = new AsyncLocalStorage<TestTransaction>();
  readonly #transactions: TestTransaction[] = [];

  /** The transaction that the caller is in. */
  get current(): TestTransaction | undefined {
    return this.#storage.getStore();
  }

  branch<B extends OpenBranch>(open: (id: BranchId) => B): Promise<B> | undefined {
    const transaction = this.#storage.getStore();
    if (!transaction) return undefined;
    if (transaction.hasEnded) throw new UnanimousError('work-after-end', 'the transaction is over');
    transaction.opened ??= new Promise<B>((resolve) => {
      // The coordinator's acknowledgement takes its time.
      setTimeout(() => {
        const branch = open(transaction.id);
        transaction.branch = branch;
        resolve(branch);
      }, 1);
    });
    return transaction.opened as Promise<B>;
  }

  doom(id: BranchId, reason: Reason): void {
    this.#transactions.find((each) => each.id === id)?.dooms.push(reason);
  }

  /** Runs `work` inside a new transaction and leaves its branch open. */
  async run(
    resource: { rm: string; incarnation: string },
    work: () => unknown,
  ): Promise<TestTransaction> {
    const { rm, incarnation } = resource;
    const gid = `0123456789ab-1-${nextCounter++}` as Gid;
    const transaction = new TestTransaction({ gid, branch: 1, rm, incarnation });
    this.#transactions.push(transaction);
    await this.#storage.run(transaction, async () => work());
    return transaction;
  }

  /** Ends what a test, failed perhaps, has left open. */
  async rollBackAll(): Promise<void> {
    await Promise.all(this.#transactions.map(async ({ branch }) => branch?.rollback()));
  }

  /** Runs in the context of a transaction that may have ended. */
  within<T>(transaction: TestTransaction, work: () => T): T {
    return this.#storage.run(transaction, work);
  }
}

let nextCounter = 1;

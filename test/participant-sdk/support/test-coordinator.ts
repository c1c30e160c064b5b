import { AsyncLocalStorage } from 'node:async_hooks';
import { type BranchId, formatGid, type Gid, type LogId } from '@unanimous/proto';
import type {
  Decided,
  Finished,
  OpenBranch,
  Resource,
  ResourceHost,
} from '../../../participant-sdk/src/resource.ts';

interface Voted {
  readonly receipt: string;
  readonly redo: Uint8Array;
}

/**
 * Stands in for the participant runtime and the coordinator: begins transactions, asks for votes
 * and sends phase two when the test says so. It checks nothing; the test does.
 */
export class TestCoordinator {
  readonly logId: LogId;
  readonly current = new AsyncLocalStorage<TestTransaction>();
  readonly #incarnations = new Map<Resource, string>();
  #counter = 0;
  #seq = 0;

  constructor(logId = '4f1c9a7be203') {
    this.logId = logId as LogId;
  }

  /** Attaches and opens a resource. */
  async serve<R extends Resource>(resource: R): Promise<R> {
    resource.attach(this.#host(resource));
    const { incarnation } = await resource.open();
    this.#incarnations.set(resource, incarnation);
    return resource;
  }

  /** Runs `work` in a transaction and leaves that open. */
  async begin(work: () => Promise<void>): Promise<TestTransaction> {
    const gid = formatGid(this.logId, { epoch: 1, counter: ++this.#counter });
    const transaction = new TestTransaction(gid, () => ++this.#seq);
    await this.current.run(transaction, work);
    return transaction;
  }

  /** Runs `work` in a transaction and commits it. */
  async commit(work: () => Promise<void>): Promise<TestTransaction> {
    const transaction = await this.begin(work);
    await transaction.prepare();
    await transaction.commit();
    return transaction;
  }

  #host(resource: Resource): ResourceHost {
    return {
      branch: (open) => {
        const transaction = this.current.getStore();
        const incarnation = this.#incarnations.get(resource) ?? '1';
        return transaction && Promise.resolve(transaction.enlist(resource, incarnation, open));
      },
      doom: () => {},
    };
  }
}

/** One transaction, moved on by the test. */
export class TestTransaction {
  readonly gid: Gid;
  readonly #branches = new Map<Resource, { id: BranchId; branch: OpenBranch }>();
  readonly #votes = new Map<Resource, Voted>();
  readonly #nextSeq: () => number;
  #seq: number | undefined;

  constructor(gid: Gid, nextSeq: () => number) {
    this.gid = gid;
    this.#nextSeq = nextSeq;
  }

  enlist<B extends OpenBranch>(resource: Resource, incarnation: string, open: (id: BranchId) => B) {
    const enlisted = this.#branches.get(resource);
    if (enlisted) return enlisted.branch as B;
    const number = this.#branches.size + 1;
    const id = { gid: this.gid, branch: number, rm: resource.rm, incarnation };
    const branch = open(id);
    this.#branches.set(resource, { id, branch });
    return branch;
  }

  /** The id of a resource's branch. */
  id(resource: Resource): BranchId {
    return this.#of(resource).id;
  }

  /** The open branch of a resource. */
  branch(resource: Resource): OpenBranch {
    return this.#of(resource).branch;
  }

  /** Asks all branches for their votes; read-only voters leave. */
  async prepare(): Promise<void> {
    const branches = [...this.#branches];
    await Promise.all(
      branches.map(async ([resource, { branch }]) => {
        const result = await branch.prepare();
        if (result.vote === 'yes') this.#votes.set(resource, result);
      }),
    );
  }

  /** What the coordinator would send with the commit, at the first call's place in the log. */
  decided(resource: Resource, lowWaterSeq = 0): Decided {
    const { receipt, redo } = this.#votes.get(resource) ?? { receipt: '', redo: new Uint8Array() };
    this.#seq ??= this.#nextSeq();
    return { receipt, redo, epoch: 1, seq: this.#seq, lowWaterSeq };
  }

  /** Sends commit to all who voted yes. */
  commit(lowWaterSeq = 0): Promise<Finished[]> {
    const voters = [...this.#votes.keys()];
    return Promise.all(
      voters.map((resource) =>
        resource.commit(this.id(resource), this.decided(resource, lowWaterSeq)),
      ),
    );
  }

  /** Sends abort to all who voted yes. */
  abort(): Promise<Finished[]> {
    const voters = [...this.#votes];
    return Promise.all(
      voters.map(([resource, { receipt }]) => resource.abort(this.id(resource), receipt)),
    );
  }

  #of(resource: Resource) {
    const enlisted = this.#branches.get(resource);
    if (!enlisted) throw new Error(`${resource.rm} is not enlisted`);
    return enlisted;
  }
}

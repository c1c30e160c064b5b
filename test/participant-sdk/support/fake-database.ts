import type { BranchId, LogId, Reason } from '@unanimous/proto';
import { formatBranchId, reason, UnanimousError } from '@unanimous/proto';
import type {
  AuditEntry,
  Decided,
  Finished,
  OpenBranch,
  PrepareResult,
  ReadyResult,
  Resource,
  ResourceHost,
  RmIdentity,
  SeenPosition,
} from '../../../participant-sdk/src/resource.ts';

/** A prepared branch of the fake database. */
interface PreparedBranch {
  readonly id: BranchId;
  readonly writes: readonly string[];
}

/** Where a test makes the database slow or broken. A hook that throws is the database's error. */
export interface FakeHooks {
  enlist?: () => Promise<void> | void;
  prepare?: (id: BranchId) => Promise<void> | void;
  ready?: (id: BranchId) => Promise<void> | void;
  commit?: (id: BranchId) => Promise<void> | void;
  abort?: (id: BranchId) => Promise<void> | void;
  commitOnePhase?: (id: BranchId) => Promise<void> | void;
  rollback?: (id: BranchId) => Promise<void> | void;
  scan?: () => Promise<void> | void;
  remembered?: () => Promise<void> | void;
  remember?: (position: SeenPosition) => Promise<void> | void;
  open?: () => Promise<void> | void;
  audit?: (entry: AuditEntry) => Promise<void> | void;
}

/**
 * A native resource manager in memory: its durable part outlives any instance, as a database does.
 * Receipts are the branch ids; the database knows what became of each.
 */
export class FakeStore {
  readonly rows: string[] = [];
  readonly prepared = new Map<string, PreparedBranch>();
  readonly fates = new Map<string, 'committed' | 'rolled-back'>();
  readonly positions: SeenPosition[] = [];
  readonly audits: AuditEntry[] = [];
  /** Of the branches that were prepared, in their order. */
  readonly incarnations: string[] = [];
  readonly calls: string[] = [];
  /** One-phase branches whose work is open. */
  readonly open = new Set<string>();
}

/** One instance that serves a FakeStore. */
export class FakeDatabase implements Resource {
  readonly rm: string;
  readonly kind = 'native';
  readonly canOnePhase: boolean;
  readonly store: FakeStore;
  readonly hooks: FakeHooks = {};
  /** Payload of its yes votes. */
  redo = new Uint8Array();
  identity: RmIdentity;
  acceptWork?: (id: BranchId, work: Uint8Array) => Promise<OpenBranch>;
  #host: ResourceHost | undefined;
  isClosed = false;

  constructor(rm: string, store = new FakeStore(), { canOnePhase = false } = {}) {
    this.rm = rm;
    this.store = store;
    this.canOnePhase = canOnePhase;
    this.identity = { identity: `fake:${rm}`, incarnation: 'i1' };
  }

  /** Writes a row in the current transaction; outside of one, at once. */
  async write(row: string, delayMs = 0): Promise<void> {
    const opened = this.#host?.branch((id) => new FakeBranch(this, id));
    if (!opened) {
      this.store.rows.push(row);
      return;
    }
    await this.hooks.enlist?.();
    const branch = await opened;
    await branch.write(row, delayMs);
  }

  /** The open branch, for tests that look inside. */
  branch(): Promise<FakeBranch> | undefined {
    return this.#host?.branch((id) => new FakeBranch(this, id));
  }

  doom(id: BranchId, why: Reason): void {
    this.#host?.doom(id, why);
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  async open(): Promise<RmIdentity> {
    await this.hooks.open?.();
    return this.identity;
  }

  async scan(): Promise<readonly BranchId[]> {
    await this.hooks.scan?.();
    return [...this.store.prepared.values()].map(({ id }) => id);
  }

  async remembered(logId: LogId): Promise<SeenPosition | undefined> {
    await this.hooks.remembered?.();
    return this.store.positions.findLast((position) => position.logId === logId);
  }

  async remember(position: SeenPosition): Promise<void> {
    await this.hooks.remember?.(position);
    this.store.positions.push(position);
  }

  async commit(id: BranchId, decided: Decided): Promise<Finished> {
    this.store.calls.push(`commit ${id.branch}`);
    await this.hooks.commit?.(id);
    const key = formatBranchId(id);
    const prepared = this.store.prepared.get(key);
    if (prepared) this.#end(key, 'committed', prepared.writes);
    return this.#fate(decided.receipt);
  }

  async abort(id: BranchId, receipt: string): Promise<Finished> {
    this.store.calls.push(`abort ${id.branch}`);
    await this.hooks.abort?.(id);
    const key = formatBranchId(id);
    if (this.store.prepared.has(key)) {
      this.#end(key, 'rolled-back', []);
      return { result: 'rolled-back' };
    }
    return this.#fate(receipt);
  }

  async settle(id: BranchId, receipt: string): Promise<Finished | { result: 'in-progress' }> {
    this.store.calls.push(`settle ${id.branch}`);
    if (this.store.open.has(receipt)) return { result: 'in-progress' };
    return this.#fate(receipt);
  }

  async audit(entry: AuditEntry): Promise<void> {
    await this.hooks.audit?.(entry);
    this.store.audits.push(entry);
  }

  async audited(): Promise<readonly AuditEntry[]> {
    return this.store.audits;
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  #end(key: string, fate: 'committed' | 'rolled-back', writes: readonly string[]): void {
    this.store.prepared.delete(key);
    this.store.fates.set(key, fate);
    this.store.rows.push(...writes);
  }

  #fate(receipt: string): Finished {
    const result = this.store.fates.get(receipt);
    return result ? { result } : { result: 'unknown', reason: reason('heuristic', 'no receipt') };
  }
}

/** The open work of one transaction in a FakeDatabase. */
export class FakeBranch implements OpenBranch {
  readonly id: BranchId;
  readonly #database: FakeDatabase;
  readonly #writes: string[] = [];
  #running: string | undefined;
  isRolledBack = false;

  constructor(database: FakeDatabase, id: BranchId) {
    this.#database = database;
    this.id = id;
  }

  async write(row: string, delayMs: number): Promise<void> {
    if (this.isRolledBack) throw new UnanimousError('work-after-end', 'the branch has ended');
    this.#running = `write ${row}`;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    this.#running = undefined;
    this.#writes.push(row);
  }

  busy(): string | undefined {
    return this.#running;
  }

  async prepare(): Promise<PrepareResult> {
    const { store, hooks, redo } = this.#database;
    store.calls.push(`prepare ${this.id.branch}`);
    await hooks.prepare?.(this.id);
    if (this.#writes.length === 0) return { vote: 'read-only' };
    const key = formatBranchId(this.id);
    store.prepared.set(key, { id: this.id, writes: [...this.#writes] });
    store.incarnations.push(this.id.incarnation);
    return { vote: 'yes', receipt: key, redo };
  }

  async ready(): Promise<ReadyResult> {
    const { store, hooks } = this.#database;
    store.calls.push(`ready ${this.id.branch}`);
    await hooks.ready?.(this.id);
    if (this.#writes.length === 0) return { vote: 'read-only' };
    const key = formatBranchId(this.id);
    store.open.add(key);
    return { vote: 'ready', receipt: key };
  }

  async commitOnePhase(): Promise<Finished> {
    const { store, hooks } = this.#database;
    store.calls.push(`commit-one-phase ${this.id.branch}`);
    const key = formatBranchId(this.id);
    store.open.delete(key);
    store.fates.set(key, 'committed');
    store.rows.push(...this.#writes);
    await hooks.commitOnePhase?.(this.id);
    return { result: 'committed' };
  }

  async rollback(): Promise<void> {
    const { store, hooks } = this.#database;
    store.calls.push(`rollback ${this.id.branch}`);
    this.isRolledBack = true;
    this.#running = undefined;
    const key = formatBranchId(this.id);
    await hooks.rollback?.(this.id);
    if (store.open.delete(key)) store.fates.set(key, 'rolled-back');
  }
}

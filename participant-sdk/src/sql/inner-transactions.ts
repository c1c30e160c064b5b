/** Stands for one lease of the branch's connection. */
export type LeaseKey = object;

/** A transaction that a builder has begun inside the branch, or a savepoint of the user's. */
interface Inner {
  readonly lease: LeaseKey;
  /** Undefined for the one that opened the branch: the server's own begin stands for it. */
  readonly savepoint: string | undefined;
  readonly isBegun: boolean;
  isEnded: boolean;
  /** Another lease has run a statement since: a rollback would undo that one too, in silence. */
  isShared: boolean;
}

/** What to send, and whether the rollback takes away what another lease has done. */
export interface Rollback {
  readonly statements: readonly string[];
  readonly harmsOthers: boolean;
}

/**
 * The transactions begun inside a branch. All leases share one connection, so those that run side
 * by side lie above one another in the server: one that ends while another lies above it is released
 * only when that one has ended too.
 */
export class InnerTransactions {
  readonly #quoted: (name: string) => string;
  readonly #stack: Inner[] = [];
  #count = 0;

  /** `quoted` gives a name as the server's SQL takes it. */
  constructor(quoted: (name: string) => string) {
    this.#quoted = quoted;
  }

  /** Notes the BEGIN that opened the branch. */
  open(lease: LeaseKey): void {
    this.#push(lease, undefined, true);
  }

  /** A name for the savepoint that stands for a BEGIN inside the branch; none is used twice. */
  nextName(): string {
    return `unanimous_${(this.#count += 1)}`;
  }

  /** Notes a BEGIN inside the branch, once its savepoint is set. */
  begin(lease: LeaseKey, name: string): void {
    this.#push(lease, name, true);
  }

  /** Notes a savepoint of the user's. */
  savepoint(lease: LeaseKey, name: string): void {
    this.#push(lease, name, false);
  }

  /** Notes a statement, before it runs. */
  statement(lease: LeaseKey): void {
    for (const inner of this.#stack) inner.isShared ||= inner.lease !== lease;
  }

  /** Ends the lease's innermost transaction; undefined without one, empty with nothing to send. */
  commit(lease: LeaseKey): string | undefined {
    const at = this.#innermost(lease);
    return at === undefined ? undefined : this.#end(lease, at);
  }

  /** Ends the lease's savepoint, and those it set since; undefined when it has set none such. */
  release(lease: LeaseKey, name: string): string | undefined {
    const at = this.#indexOf(lease, name);
    return at === undefined ? undefined : this.#end(lease, at);
  }

  /** Undoes the lease's innermost transaction; 'all' when it is the one that opened the branch. */
  rollback(lease: LeaseKey): Rollback | 'all' | undefined {
    const at = this.#innermost(lease);
    const name = at === undefined ? undefined : this.#stack[at]?.savepoint;
    if (at === undefined || name === undefined) return at === undefined ? undefined : 'all';
    const harmsOthers = this.#harmsOthers(lease, at);
    this.#stack.length = at;
    const savepoint = this.#quoted(name);
    const release = this.#releaseEnded() || `RELEASE SAVEPOINT ${savepoint}`;
    return { statements: [`ROLLBACK TO SAVEPOINT ${savepoint}`, release], harmsOthers };
  }

  /** Notes ROLLBACK TO a savepoint of the user's, which stays: true when it harms another lease. */
  rollbackTo(lease: LeaseKey, name: string): boolean {
    const at = this.#indexOf(lease, name);
    if (at === undefined) return this.#stack.length > 0;
    const harmsOthers = this.#harmsOthers(lease, at);
    this.#stack.length = at + 1;
    return harmsOthers;
  }

  /** True while a begun transaction has been neither committed nor rolled back. */
  hasUnfinished(): boolean {
    return this.#stack.some((inner) => inner.isBegun && !inner.isEnded);
  }

  #push(lease: LeaseKey, savepoint: string | undefined, isBegun: boolean): void {
    this.#stack.push({ lease, savepoint, isBegun, isEnded: false, isShared: false });
  }

  #innermost(lease: LeaseKey): number | undefined {
    return found(
      this.#stack.findLastIndex((it) => it.lease === lease && it.isBegun && !it.isEnded),
    );
  }

  #indexOf(lease: LeaseKey, name: string): number | undefined {
    const isIt = (it: Inner) => it.lease === lease && it.savepoint === name && !it.isEnded;
    return found(this.#stack.findLastIndex(isIt));
  }

  #harmsOthers(lease: LeaseKey, at: number): boolean {
    const above = this.#stack.slice(at + 1);
    return this.#stack[at]?.isShared === true || above.some((inner) => inner.lease !== lease);
  }

  /** Marks it, and the lease's own above it, as ended. */
  #end(lease: LeaseKey, at: number): string {
    for (const inner of this.#stack.slice(at)) inner.isEnded ||= inner.lease === lease;
    return this.#releaseEnded();
  }

  /** Drops the ended ones that no open one lies above; releasing the lowest releases them all. */
  #releaseEnded(): string {
    const lastOpen = this.#stack.findLastIndex((inner) => !inner.isEnded);
    const [lowest] = this.#stack.splice(lastOpen + 1).filter((it) => it.savepoint !== undefined);
    if (lowest?.savepoint === undefined) return '';
    return `RELEASE SAVEPOINT ${this.#quoted(lowest.savepoint)}`;
  }
}

const found = (index: number) => (index < 0 ? undefined : index);

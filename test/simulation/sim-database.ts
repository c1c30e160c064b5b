import { type BranchId, reason } from '@unanimous/proto';
import type { Finished } from '../../participant-sdk/src/resource.ts';
import type { DatabaseOptions } from './database-options.ts';
import { OwnTables } from './own-tables.ts';
import type { SimProcess } from './sim-process.ts';
import type { Row } from './sim-row.ts';
import { Statements, unavailable } from './sim-statement.ts';

interface Change {
  readonly atMs: number;
  readonly row: Row;
  readonly from: Row['state'] | undefined;
}

/**
 * A database with two-phase commit, as Postgres is one: what is prepared survives everything but
 * people and restores; what is open dies with its connection or the server; receipts tell what
 * became of a transaction, until they are forgotten.
 */
export class SimDatabase {
  readonly rm: string;
  readonly prepared = new Set<Row>();
  readonly statements: Statements;
  readonly tables: OwnTables;
  readonly #options: DatabaseOptions;
  readonly #open = new Set<Row>();
  readonly #owners = new Set<SimProcess>();
  readonly #byXid = new Map<number, Row>();
  readonly #byKey = new Map<string, Row>();
  readonly #byGid = new Map<string, Row[]>();
  readonly #changes: Change[] = [];
  #incarnation = 1;
  #lastXid = 0;
  /** Who waits for the next branch to be prepared, to end it by hand. */
  #impatient: (() => void) | undefined;

  constructor(options: DatabaseOptions) {
    this.rm = options.rm;
    this.#options = options;
    this.statements = new Statements(options, (row) => this.#leave(row));
    this.tables = new OwnTables(options.marks, () => options.clock.nowMs);
  }

  get incarnation(): string {
    return `i${this.#incarnation}`;
  }

  get start(): number {
    return this.statements.start;
  }

  /** Begins a transaction; its connection belongs to a process. */
  open(id: BranchId, owner: SimProcess): Row {
    this.#lastXid += 1;
    const key = keyOf(id);
    const row: Row = {
      id,
      key,
      xid: this.#lastXid,
      owner,
      rows: [],
      state: 'open',
      finders: undefined,
      inFlight: 0,
      isLeft: false,
      isForgotten: false,
    };
    this.#byXid.set(row.xid, row);
    this.#byKey.set(key, row);
    const others = this.#byGid.get(id.gid);
    if (others) others.push(row);
    else this.#byGid.set(id.gid, [row]);
    this.#changes.push({ atMs: this.#options.clock.nowMs, row, from: undefined });
    this.#open.add(row);
    if (!this.#owners.has(owner)) {
      this.#owners.add(owner);
      owner.onDeath(() => this.#ownerDied(owner));
    }
    return row;
  }

  receipt(row: Row): string {
    return `${row.xid}.${this.statements.start}.${row.state === 'prepared' ? 'p' : 'o'}`;
  }

  checkOpen(row: Row): void {
    if (row.state !== 'open') throw unavailable(this.rm, 'the connection was lost');
  }

  /** The connection goes: open work is rolled back, unless a statement is still on its way. */
  leave(row: Row): void {
    this.#leave(row);
  }

  prepare(row: Row): void {
    this.checkOpen(row);
    this.#change(row, 'prepared');
    const act = this.#impatient;
    if (!act) return;
    this.#impatient = undefined;
    const { clock, random } = this.#options;
    clock.after(random.delay(0, 5), act);
  }

  commitOnePhase(row: Row): void {
    if (row.state === 'committed') return;
    this.checkOpen(row);
    this.#change(row, 'committed');
    this.#options.marks.hit('rm.one-phase');
    this.#options.ledger.committed(row.id.gid, this.rm, false);
  }

  /** COMMIT PREPARED, and where there is no such branch its receipt. */
  commit(id: BranchId, receipt: string, by: SimProcess): Finished {
    const row = this.#byKey.get(keyOf(id));
    if (row?.state === 'prepared') {
      this.#finish(row, 'committed', by);
      return { result: 'committed' };
    }
    this.#options.marks.hit('rm.commit-repeated');
    return this.#settled(receipt);
  }

  abort(id: BranchId, receipt: string, by: SimProcess): Finished {
    const row = this.#byKey.get(keyOf(id));
    if (row?.state === 'prepared') {
      this.#finish(row, 'rolled-back', by);
      return { result: 'rolled-back' };
    }
    if (receipt === '') return { result: 'rolled-back' };
    const settled = this.#settled(receipt);
    if (settled.result === 'committed' && row) {
      row.finders ??= new Set();
      row.finders.add(by);
      this.#options.onFound(by);
    }
    return settled;
  }

  /** Somebody must know that a branch was committed by hand: it is written down, or was found. */
  isCommitKnown(gid: string): boolean {
    const isWritten = this.tables.readAudit().some((entry) => {
      return entry.gid === gid && entry.result === 'committed';
    });
    // Another branch of it here may have been rolled back by hand, and that be known.
    const rows = (this.#byGid.get(gid) ?? []).filter(({ state }) => state === 'committed');
    return isWritten || rows.some(({ finders = [] }) => [...finders].some((one) => one.isAlive));
  }

  settle(receipt: string): Finished | { readonly result: 'in-progress' } {
    const { marks } = this.#options;
    marks.hit('rm.settled');
    const [xid, start, how] = receipt.split('.');
    const row = this.#byXid.get(Number(xid));
    if (!row || row.isForgotten) return this.#unknown(row, 'the receipt is not known any more');
    if (row.state === 'open' || row.state === 'prepared') {
      marks.hit('rm.in-progress');
      return { result: 'in-progress' };
    }
    if (row.state === 'rolled-back') return { result: 'rolled-back' };
    // A crash of the server may have given the id of what was not prepared to another transaction.
    if (how === 'o' && Number(start) !== this.statements.start)
      return this.#unknown(row, 'a crash since');
    return { result: 'committed' };
  }

  /** The server crashes: what is open is gone, what is prepared stays. */
  restart(downMs: number): void {
    const { clock, marks } = this.#options;
    marks.hit('rm.restarted');
    this.statements.start += 1;
    this.statements.downUntilMs = clock.nowMs + downMs;
    for (const row of [...this.#open]) this.#change(row, 'rolled-back');
  }

  slow(forMs: number): void {
    this.statements.slowUntilMs = this.#options.clock.nowMs + forMs;
  }

  heal(): void {
    this.statements.downUntilMs = 0;
    this.statements.slowUntilMs = 0;
    this.#impatient = undefined;
  }

  /** Gives what is prepared, as soon as something is. */
  withPrepared(act: (rows: readonly Row[]) => void): void {
    const rows = [...this.prepared].filter((r) => this.#options.ledger.facts.has(r.id.gid));
    if (rows.length > 0) act(rows);
    else this.#impatient = () => this.withPrepared(act);
  }

  /** Some write it down first, as docs/operations.md asks, and some forget to. */
  endRowByHand(row: Row, to: 'committed' | 'rolled-back', isWritten: boolean): void {
    const { ledger, marks, tell } = this.#options;
    tell?.(`somebody has ${to} the branch of ${row.id.gid} in ${this.rm} by hand`);
    marks.hit('rm.by-hand');
    const { gid, branch } = row.id;
    if (isWritten) this.tables.writeAudit({ gid, branch, result: to, reason: 'by hand' });
    this.#change(row, to);
    if (to === 'committed') ledger.committed(row.id.gid, this.rm, true);
    else ledger.rolledBack(row.id.gid, this.rm, true);
  }

  /** An operator ends what was prepared since a moment, as a log says that was put away since. */
  endPreparedSince(atMs: number, isCommitted: (gid: string) => boolean): void {
    const since = this.#changes.filter((change) => change.atMs >= atMs);
    for (const { row } of since) {
      const { gid } = row.id;
      if (!this.prepared.has(row) || !this.#options.ledger.facts.has(gid)) continue;
      this.#end(row, isCommitted(gid));
    }
  }

  /** The server forgets what became of old transactions. */
  forgetReceipts(): void {
    for (const row of this.#byXid.values()) {
      if (row.state === 'committed' || row.state === 'rolled-back') row.isForgotten = true;
    }
  }

  /** The database is brought back to an earlier time, on a new timeline. */
  restoreTo(atMs: number): void {
    const { marks, ledger } = this.#options;
    marks.hit('rm.restored');
    const touched = new Set<Row>();
    for (let change = this.#changes.at(-1); change && change.atMs > atMs; ) {
      this.#changes.pop();
      const { row, from } = change;
      touched.add(row);
      const fact = ledger.facts.get(row.id.gid);
      if (fact) ledger.restored(fact, this.rm);
      this.prepared.delete(row);
      this.#open.delete(row);
      if (from === undefined) {
        this.#byXid.delete(row.xid);
        this.#byKey.delete(row.key);
        row.state = 'rolled-back';
        row.rows.length = 0;
      } else {
        row.state = from;
        if (from === 'prepared') this.prepared.add(row);
        else if (from === 'open') this.#open.add(row);
      }
      change = this.#changes.at(-1);
    }
    this.tables.restoreTo(atMs);
    this.#incarnation += 1;
    this.restart(1);
  }

  /** What a transaction shows here. */
  rowsOf(gid: string): readonly number[] {
    const committed = this.#byGid.get(gid)?.filter(({ state }) => state === 'committed') ?? [];
    return committed.length === 1 && committed[0]
      ? committed[0].rows
      : committed.flatMap(({ rows }) => rows);
  }

  /** A transaction that is prepared here. */
  hasPrepared(gid: string): boolean {
    return this.#byGid.get(gid)?.some((row) => row.state === 'prepared') === true;
  }

  /** All that is committed here. */
  *committedRows(): Iterable<Row> {
    for (const row of this.#byXid.values()) if (row.state === 'committed') yield row;
  }

  #finish(row: Row, to: 'committed' | 'rolled-back', by: SimProcess): void {
    const { marks, tell } = this.#options;
    tell?.(`${this.rm} has ${to} the prepared branch of ${row.id.gid}`);
    if (by !== row.owner) marks.hit('rm.other-instance');
    if (to === 'rolled-back' && !row.owner.isAlive) marks.hit('rm.orphan-rolled-back');
    this.#end(row, to === 'committed');
  }

  #end(row: Row, isCommitted: boolean): void {
    const { ledger } = this.#options;
    this.#change(row, isCommitted ? 'committed' : 'rolled-back');
    if (isCommitted) ledger.committed(row.id.gid, this.rm, false);
    else ledger.rolledBack(row.id.gid, this.rm, false);
  }

  #change(row: Row, to: Row['state']): void {
    this.#changes.push({ atMs: this.#options.clock.nowMs, row, from: row.state });
    row.state = to;
    this.#open.delete(row);
    if (to === 'prepared') this.prepared.add(row);
    else this.prepared.delete(row);
  }

  #ownerDied(owner: SimProcess): void {
    const { clock, random } = this.#options;
    for (const row of this.#open) {
      if (row.owner === owner) clock.later(random.delay(0, 300), () => this.#leave(row));
    }
  }

  #leave(row: Row): void {
    row.isLeft = true;
    if (row.state === 'open' && row.inFlight === 0) this.#change(row, 'rolled-back');
  }

  #settled(receipt: string): Finished {
    const settled = this.settle(receipt);
    if (settled.result !== 'in-progress') return settled;
    throw unavailable(this.rm, 'in progress but not prepared');
  }

  #unknown(row: Row | undefined, why: string): Finished {
    this.#options.marks.hit('rm.unknown');
    const fact = row && this.#options.ledger.facts.get(row.id.gid);
    if (fact) fact.unknownIn = [...fact.unknownIn, this.rm];
    return { result: 'unknown', reason: reason('unknown', `${this.rm}: ${why}`, this.rm) };
  }
}

/** Tells a branch from all others; shorter than its text in a real database, and made faster. */
function keyOf({ gid, branch, incarnation }: BranchId): string {
  return `${gid}.${branch}.${incarnation}`;
}

import { type BranchId, type LogId, UnanimousError } from '@unanimous/proto';
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
} from '../../participant-sdk/src/resource.ts';
import type { Marks } from './marks.ts';
import type { Rates } from './plan.ts';
import type { SimDatabase } from './sim-database.ts';
import type { Row } from './sim-row.ts';
import type { SimProcess } from './sim-process.ts';

/** What one process has of a database. */
export interface DatabaseClient {
  readonly process: SimProcess;
  readonly database: SimDatabase;
  readonly marks: Marks;
  readonly rates: () => Rates;
}

/** One process's resource for a SimDatabase. */
export class SimDatabaseResource implements Resource {
  readonly rm: string;
  readonly kind = 'native';
  readonly canOnePhase: boolean;
  readonly #client: DatabaseClient;
  readonly #newBranch = (id: BranchId) => new SimBranch(this.#client, id);
  #host: ResourceHost | undefined;
  #opened = '';

  constructor(client: DatabaseClient, canOnePhase: boolean) {
    this.rm = client.database.rm;
    this.canOnePhase = canOnePhase;
    this.#client = client;
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  /** The branch of the current transaction. */
  branch(): Promise<SimBranch> {
    const branch = this.#host?.branch(this.#newBranch);
    return branch ?? Promise.reject(new UnanimousError('no-transaction', `${this.rm}: outside`));
  }

  async open(): Promise<RmIdentity> {
    const { incarnation } = this.#client.database;
    this.#opened = incarnation;
    return { identity: `sim:${this.rm}`, incarnation };
  }

  scan(): Promise<readonly BranchId[]> {
    const { database, process } = this.#client;
    return database.statements.call(process, 'scan', () => {
      if (database.incarnation !== this.#opened) {
        throw new UnanimousError('rm-unavailable', `${this.rm}: restored; open it again`);
      }
      return [...database.prepared].map(({ id }) => id);
    });
  }

  remembered(logId: LogId): Promise<SeenPosition | undefined> {
    const { database, process } = this.#client;
    return database.statements.call(process, 'ask', () => database.tables.position(logId));
  }

  remember(position: SeenPosition): Promise<void> {
    const { database, process } = this.#client;
    return database.statements.call(process, 'ask', () => database.tables.remember(position));
  }

  audit(entry: AuditEntry): Promise<void> {
    const { database, process } = this.#client;
    return database.statements.call(process, 'audit', () => database.tables.writeAudit(entry));
  }

  audited(): Promise<readonly AuditEntry[]> {
    const { database, process } = this.#client;
    return database.statements.call(process, 'ask', () => database.tables.readAudit());
  }

  commit(id: BranchId, { receipt }: Decided): Promise<Finished> {
    const { database, process } = this.#client;
    return database.statements.call(process, 'commit', () => database.commit(id, receipt, process));
  }

  abort(id: BranchId, receipt: string): Promise<Finished> {
    const { database, process } = this.#client;
    return database.statements.call(process, 'abort', () => database.abort(id, receipt, process));
  }

  settle(_id: BranchId, receipt: string): Promise<Finished | { readonly result: 'in-progress' }> {
    const { database, process } = this.#client;
    return database.statements.call(process, 'ask', () => database.settle(receipt));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The open work of one transaction, on one connection. */
export class SimBranch implements OpenBranch {
  readonly #client: DatabaseClient;
  readonly #row: Row;
  readonly #start: number;
  #running = 0;
  #hasFailed = false;
  #isRolledBack = false;

  constructor(client: DatabaseClient, id: BranchId) {
    this.#client = client;
    this.#row = client.database.open(id, client.process);
    this.#start = client.database.start;
  }

  /** One statement: a row, or without one a question. */
  async write(row: number | undefined): Promise<void> {
    const { database, process, rates } = this.#client;
    if (this.#isRolledBack) throw new UnanimousError('work-after-end', 'the branch has ended');
    this.#running += 1;
    try {
      await database.statements.call(process, 'write', () => {
        database.checkOpen(this.#row);
        if (process.random.chance(rates().refuse)) throw this.#refusal('constraint-violated');
        if (row !== undefined) this.#row.rows.push(row);
      });
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    } finally {
      this.#running -= 1;
    }
  }

  busy(): string | undefined {
    return this.#running > 0 ? 'insert into rows' : undefined;
  }

  async prepare(): Promise<PrepareResult> {
    const { database, process, marks } = this.#client;
    const row = this.#row;
    const isWriter = await database.statements.call(
      process,
      'prepare',
      () => this.#check('prepare'),
      row,
    );
    if (!isWriter) {
      marks.hit('rm.read-only');
      return { vote: 'read-only' };
    }
    return { vote: 'yes', receipt: database.receipt(row), redo: new Uint8Array() };
  }

  async ready(): Promise<ReadyResult> {
    const { database, process, marks } = this.#client;
    const isWriter = await database.statements.call(process, 'ready', () => this.#check('ready'));
    if (isWriter) return { vote: 'ready', receipt: database.receipt(this.#row) };
    marks.hit('rm.read-only');
    return { vote: 'read-only' };
  }

  async commitOnePhase(): Promise<Finished> {
    const { database, process } = this.#client;
    const row = this.#row;
    await database.statements.call(process, 'one-phase', () => database.commitOnePhase(row), row);
    return { result: 'committed' };
  }

  async rollback(): Promise<void> {
    this.#isRolledBack = true;
    const { database, process } = this.#client;
    if (process.isAlive) database.leave(this.#row);
  }

  /** In the database: the work is whole, and is prepared unless it only read. */
  #check(how: 'prepare' | 'ready'): boolean {
    const { database, process, rates, marks } = this.#client;
    database.checkOpen(this.#row);
    if (this.#hasFailed || this.#start !== database.start) throw this.#refusal('prepare-refused');
    if (process.random.chance(rates().refuse)) {
      marks.hit('rm.refused');
      database.leave(this.#row);
      throw this.#refusal('serialization-failure');
    }
    if (this.#row.rows.length === 0) {
      database.leave(this.#row);
      return false;
    }
    if (how === 'prepare') database.prepare(this.#row);
    return true;
  }

  #refusal(code: 'constraint-violated' | 'prepare-refused' | 'serialization-failure') {
    return new UnanimousError(code, `${this.#client.database.rm} refuses`, {
      rm: this.#client.database.rm,
    });
  }
}

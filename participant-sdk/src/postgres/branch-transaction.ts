import { type ErrorCode, UnanimousError } from '@unanimous/proto';
import { type TransactionModes, transactionModesQuery, unmetMode } from './begin-modes.ts';
import { InnerTransactions, type LeaseKey } from '../sql/inner-transactions.ts';
import { excerpt, type ParsedSql } from './parsed-sql.ts';
import type { Asking, Unit } from './one-write.ts';
import type { WorkConnection } from './work-connection.ts';

/** A statement of the user's, on its way to the branch's connection. */
export interface Statement {
  readonly sql: ParsedSql;
  readonly lease: LeaseKey;
  /** Came by pool.query(), which holds no connection and so can begin nothing. */
  readonly isPooled: boolean;
  /** Calls `ended` first when it shows its end to others before the promise settles. */
  run(connection: WorkConnection, ended: () => void): Promise<unknown>;
  /** The same in one write with statements of ours; undefined where that can't be. */
  runTogether?(connection: WorkConnection, unit: Unit): Promise<unknown> | undefined;
}

/** One run of a statement. */
export interface Run {
  readonly connection: WorkConnection;
  readonly statement: Statement;
  readonly ended: () => void;
  /** What to ask with it, where that can be. */
  readonly asking: Asking | undefined;
}

/** What a branch's transaction needs. */
export interface TransactionOf {
  readonly rm: string;
  /** Text of the branch id. */
  readonly name: string;
  /** The branch can only vote no. */
  doom(code: ErrorCode, message: string): void;
}

const onlyBegin = ['BEGIN'];
const nothingBefore: readonly string[] = [];
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/**
 * The one Postgres transaction of a branch. It opens with the first statement; what a builder
 * begins in it becomes a savepoint, and nothing but the vote ends it.
 */
export class BranchTransaction {
  readonly #of: TransactionOf;
  readonly #inner = new InnerTransactions(quoted);
  #isOpen = false;
  /** A builder has begun, and Postgres hears of it with the first statement. */
  #isDeferred = false;
  /** Nothing has run since the transaction opened, so its modes may still be set. */
  #isFresh = false;
  /** Postgres has the branch's name in a setting that is lost with the transaction. */
  #isNamed = false;
  /** Of the connection, when it opened. */
  #endsBefore = 0;

  constructor(of: TransactionOf) {
    this.#of = of;
  }

  /** True while Postgres holds the transaction open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What Postgres has for the branch's name while this transaction is the branch's. */
  get nameSet(): string {
    return this.#isNamed ? this.#of.name : '';
  }

  /**
   * False where something has ended it that nobody could have sent by this branch: who listens to the pool
   * gets hold of its connections. `own`: how many ends the vote itself has sent.
   */
  isWhole(connection: WorkConnection, own: number): boolean {
    return this.#isNamed || connection.ends === this.#endsBefore + own;
  }

  /** True while something that a builder began has neither been committed nor rolled back. */
  hasUnfinished(): boolean {
    return this.#inner.hasUnfinished();
  }

  /** Runs one statement, or what stands for it, before `checkOpen`. Statements come one at a time. */
  run(run: Run): Promise<unknown> {
    const { connection, statement } = run;
    const { control, text } = statement.sql;
    switch (control.kind) {
      case 'plain':
        return this.#plain(run);
      case 'savepoint':
        return this.#savepoint(run, control.savepoint);
      case 'modes':
        return this.#setModes(run, control.modes);
      case 'begin':
        return this.#begin(connection, statement, control.modes);
      case 'commit':
        return this.#end(connection, this.#inner.commit(statement.lease), 'COMMIT', text);
      case 'release': {
        const sql = this.#inner.release(statement.lease, control.savepoint);
        return this.#end(connection, sql ?? text, 'RELEASE', text);
      }
      case 'rollback':
        return this.#rollback(connection, statement);
      case 'rollback-to':
        return this.#rollbackTo(run, control.savepoint);
      case 'refused':
        throw this.#refusal(`${control.statement} would end the transaction: ${excerpt(text)}`);
    }
  }

  #plain(run: Run): Promise<unknown> {
    const { connection, statement, asking } = run;
    const isReady = this.#isOpen && (this.#isNamed || statement.sql.isSimple);
    if (!isReady) return this.#openWith(run) ?? this.#runNamed(run);
    this.#isFresh = false;
    this.#inner.statement(statement.lease);
    const asked = asking && statement.runTogether?.(connection, { before: nothingBefore, asking });
    return asked ?? statement.run(connection, run.ended);
  }

  async #runNamed(run: Run): Promise<unknown> {
    if (!this.#isOpen) await this.#open(run.connection, '');
    await this.#name(run.connection);
    this.#isFresh = false;
    this.#inner.statement(run.statement.lease);
    return run.statement.run(run.connection, run.ended);
  }

  async #savepoint(run: Run, name: string): Promise<unknown> {
    const { statement } = run;
    const result = await this.#runNamed(run);
    this.#inner.savepoint(statement.lease, name);
    return result;
  }

  async #begin(connection: WorkConnection, { isPooled, lease, sql }: Statement, modes: string) {
    if (isPooled) {
      throw this.#refusal(`pool.query() cannot hold a transaction open: ${excerpt(sql.text)}`);
    }
    if (!this.#isOpen && !this.#isDeferred) {
      if (modes === '') this.#isDeferred = true;
      else await this.#open(connection, modes);
      this.#inner.open(lease);
      return commandResult('BEGIN');
    }
    if (!this.#isOpen) await this.#open(connection, '');
    if (modes !== '') await this.#checkModes(connection, modes);
    this.#isFresh = false;
    await this.#name(connection); // or it would be lost with the savepoint
    const name = this.#inner.nextName();
    await connection.query(`SAVEPOINT ${name}`);
    this.#inner.begin(lease, name);
    return commandResult('BEGIN');
  }

  async #setModes({ connection, statement, ended }: Run, modes: string) {
    if (!this.#isOpen) await this.#open(connection, '');
    if (this.#isFresh) return statement.run(connection, ended);
    await this.#checkModes(connection, modes);
    return commandResult('SET');
  }

  async #open(connection: WorkConnection, modes: string): Promise<void> {
    this.#checkUnused(connection);
    this.#isOpen = true;
    this.#isFresh = true;
    try {
      await connection.query(`BEGIN ${modes}; ${this.#setName}`);
      this.#isNamed = true;
    } catch (error) {
      this.#notBegun(error);
      throw error;
    }
  }

  /** Opens with the first statement, in one write; undefined where that can't be. */
  #openWith({ connection, statement, asking }: Run): Promise<unknown> | undefined {
    if (this.#isOpen || !statement.sql.isSimple) return undefined;
    this.#checkUnused(connection);
    const result = statement.runTogether?.(connection, {
      before: onlyBegin,
      begun: () => {
        this.#endsBefore = connection.ends; // what was sent past us before it ended none of ours
      },
      notBegun: (error) => this.#notBegun(error),
      asking,
    });
    if (!result) return undefined;
    this.#isOpen = true;
    this.#inner.statement(statement.lease);
    return result;
  }

  /**
   * Before the first statement that could end the transaction, unheard: what is simple can't, so until then
   * it is the branch's unless an end was heard of. What had failed runs nothing, and can't be named any more.
   */
  async #name(connection: WorkConnection): Promise<void> {
    if (this.#isNamed || connection.status === 'E') return;
    await connection.query(this.#setName);
    this.#isNamed = true;
  }

  #checkUnused(connection: WorkConnection): void {
    const { status } = connection;
    if (status !== 'T' && status !== 'E') return;
    connection.spoil();
    throw this.#refusal('somebody gave a connection back with a transaction still open on it');
  }

  /** The name is lost when this transaction ends: at the vote it tells ours from a later one. */
  get #setName(): string {
    return `SET LOCAL unanimous.branch = '${this.#of.name}'`;
  }

  /** There may be no transaction: the next statement would commit by itself. */
  #notBegun(error: unknown): void {
    this.#of.doom('branch-doomed', `could not begin: ${(error as Error).message}`);
  }

  async #checkModes(connection: WorkConnection, modes: string): Promise<void> {
    const [result] = [await connection.query(transactionModesQuery)].flat();
    const unmet = unmetMode(modes, result?.rows[0] as unknown as TransactionModes);
    if (unmet === undefined) return;
    throw new UnanimousError(
      'transaction-control',
      `${this.#of.rm}: the branch is already open without ${unmet}`,
      { rm: this.#of.rm, hint: 'Begin with that mode before any other statement.' },
    );
  }

  async #end(connection: WorkConnection, sql: string | undefined, tag: string, text: string) {
    if (sql === undefined) throw this.#refusal(`nothing was begun here: ${excerpt(text)}`);
    if (sql !== '') await connection.query(sql);
    return commandResult(tag);
  }

  async #rollback(connection: WorkConnection, { lease, sql }: Statement): Promise<unknown> {
    const rollback = this.#inner.rollback(lease);
    if (rollback === undefined) throw this.#refusal(`nothing was begun here: ${excerpt(sql.text)}`);
    if (rollback === 'all') {
      this.#of.doom('branch-doomed', 'the transaction that opened the branch was rolled back');
      if (this.#isOpen) await connection.query('ROLLBACK');
      this.#isOpen = false;
      return commandResult('ROLLBACK');
    }
    if (rollback.harmsOthers) this.#doomHarmed();
    await connection.query(rollback.statements.join('; ')); // one round trip
    connection.forgive();
    return commandResult('ROLLBACK');
  }

  async #rollbackTo({ connection, statement, ended }: Run, savepoint: string) {
    if (this.#inner.rollbackTo(statement.lease, savepoint)) this.#doomHarmed();
    const result = await statement.run(connection, ended);
    connection.forgive();
    return result;
  }

  #doomHarmed(): void {
    this.#of.doom(
      'branch-doomed',
      'a rollback inside the branch has undone a statement that ran beside it: await one of them ' +
        'before the other begins',
    );
  }

  /** Something ended our transaction all the same, and what ran before may be durable. */
  checkOpen(connection: WorkConnection, text: string): void {
    if (!this.#isOpen || connection.status !== 'I') return;
    this.#of.doom('transaction-control', `the transaction was ended by: ${excerpt(text)}`);
    throw this.#refusal(`the transaction was ended by: ${excerpt(text)}`);
  }

  #refusal(message: string): UnanimousError {
    const { rm } = this.#of;
    return new UnanimousError('transaction-control', `${rm}: ${message}`, { rm });
  }
}

/** What pg reports of a command that returns no rows. */
export function commandResult(command: string) {
  return { command, rowCount: null, oid: null, rows: [], fields: [] };
}

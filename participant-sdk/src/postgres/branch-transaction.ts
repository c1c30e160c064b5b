import { type ErrorCode, UnanimousError } from '@unanimous/proto';
import { type TransactionModes, transactionModesQuery, unmetMode } from './begin-modes.ts';
import { InnerTransactions, type LeaseKey } from '../sql/inner-transactions.ts';
import { excerpt, type ParsedSql } from './parsed-sql.ts';
import type { Unit } from './one-write.ts';
import type { WorkConnection } from './work-connection.ts';

/** A statement of the user's, on its way to the branch's connection. */
export interface Statement {
  readonly sql: ParsedSql;
  readonly lease: LeaseKey;
  /** Came by pool.query(), which holds no connection and so can begin nothing. */
  readonly isPooled: boolean;
  run(connection: WorkConnection): Promise<unknown>;
  /** The same in one write with statements of ours; undefined where that can't be. */
  runTogether?(connection: WorkConnection, unit: Unit): Promise<unknown> | undefined;
}

/** What a branch's transaction needs. */
export interface BranchTransactionOptions {
  readonly rm: string;
  /** Text of the branch id. */
  readonly name: string;
  /** The branch can only vote no. */
  doom(code: ErrorCode, message: string): void;
}

/**
 * The one Postgres transaction of a branch. It opens with the first statement; what a builder
 * begins in it becomes a savepoint, and nothing but the vote ends it.
 */
export class BranchTransaction {
  readonly #options: BranchTransactionOptions;
  readonly #inner = new InnerTransactions((name) => `"${name.replaceAll('"', '""')}"`);
  #isOpen = false;
  /** A builder has begun, and Postgres hears of it with the first statement. */
  #isDeferred = false;
  /** Nothing has run since the transaction opened, so its modes may still be set. */
  #isFresh = false;

  constructor(options: BranchTransactionOptions) {
    this.#options = options;
  }

  /** True while Postgres holds the transaction open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True while something that a builder began has neither been committed nor rolled back. */
  hasUnfinished(): boolean {
    return this.#inner.hasUnfinished();
  }

  /** Runs one statement, or what stands for it, before `checkOpen`. Statements come one at a time. */
  run(connection: WorkConnection, statement: Statement): Promise<unknown> {
    const { control, text } = statement.sql;
    switch (control.kind) {
      case 'plain':
      case 'savepoint':
        return this.#plain(connection, statement);
      case 'modes':
        return this.#setModes(connection, statement, control.modes);
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
        return this.#rollbackTo(connection, statement, control.savepoint);
      case 'refused':
        throw this.#refusal(`${control.statement} would end the transaction: ${excerpt(text)}`);
    }
  }

  async #plain(connection: WorkConnection, statement: Statement): Promise<unknown> {
    const first = this.#isOpen ? undefined : this.#openWith(connection, statement);
    if (!this.#isOpen) await this.#open(connection, '');
    this.#isFresh = false;
    this.#inner.statement(statement.lease);
    const result = await (first ?? statement.run(connection));
    const { control } = statement.sql;
    if (control.kind === 'savepoint') this.#inner.savepoint(statement.lease, control.savepoint);
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
    const name = this.#inner.nextName();
    await connection.query(`SAVEPOINT ${name}`);
    this.#inner.begin(lease, name);
    return commandResult('BEGIN');
  }

  async #setModes(connection: WorkConnection, statement: Statement, modes: string) {
    if (!this.#isOpen) await this.#open(connection, '');
    if (this.#isFresh) return statement.run(connection);
    await this.#checkModes(connection, modes);
    return commandResult('SET');
  }

  async #open(connection: WorkConnection, modes: string): Promise<void> {
    this.#checkUnused(connection);
    this.#isOpen = true;
    this.#isFresh = true;
    try {
      await connection.query(`BEGIN ${modes}; ${this.#setName}`);
    } catch (error) {
      throw this.#notBegun(error);
    }
  }

  /** Opens with the first statement, in one write; undefined where that can't be. */
  #openWith(connection: WorkConnection, statement: Statement): Promise<unknown> | undefined {
    if (!statement.sql.isSimple) return undefined;
    this.#checkUnused(connection);
    let isBegun = false;
    const begun = () => {
      isBegun = true;
    };
    const result = statement.runTogether?.(connection, {
      before: ['BEGIN', this.#setName],
      begun,
    });
    if (!result) return undefined;
    this.#isOpen = true;
    return result.catch((error: unknown) => {
      throw isBegun ? error : this.#notBegun(error);
    });
  }

  #checkUnused(connection: WorkConnection): void {
    const { status } = connection;
    if (status !== 'T' && status !== 'E') return;
    connection.spoil();
    throw this.#refusal('somebody gave a connection back with a transaction still open on it');
  }

  /** The name is lost when this transaction ends: at the vote it tells ours from a later one. */
  get #setName(): string {
    return `SET LOCAL unanimous.branch = '${this.#options.name}'`;
  }

  /** There may be no transaction: the next statement would commit by itself. */
  #notBegun(error: unknown): unknown {
    this.#options.doom('branch-doomed', `could not begin: ${(error as Error).message}`);
    return error;
  }

  async #checkModes(connection: WorkConnection, modes: string): Promise<void> {
    const [result] = [await connection.query(transactionModesQuery)].flat();
    const unmet = unmetMode(modes, result?.rows[0] as unknown as TransactionModes);
    if (unmet === undefined) return;
    throw new UnanimousError(
      'transaction-control',
      `${this.#options.rm}: the branch is already open without ${unmet}`,
      { rm: this.#options.rm, hint: 'Begin with that mode before any other statement.' },
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
      this.#options.doom('branch-doomed', 'the transaction that opened the branch was rolled back');
      if (this.#isOpen) await connection.query('ROLLBACK');
      this.#isOpen = false;
      return commandResult('ROLLBACK');
    }
    if (rollback.harmsOthers) this.#doomHarmed();
    await connection.query(rollback.statements.join('; ')); // one round trip
    connection.forgive();
    return commandResult('ROLLBACK');
  }

  async #rollbackTo(connection: WorkConnection, statement: Statement, savepoint: string) {
    if (this.#inner.rollbackTo(statement.lease, savepoint)) this.#doomHarmed();
    const result = await statement.run(connection);
    connection.forgive();
    return result;
  }

  #doomHarmed(): void {
    this.#options.doom(
      'branch-doomed',
      'a rollback inside the branch has undone a statement that ran beside it: await one of them ' +
        'before the other begins',
    );
  }

  /** Something ended our transaction all the same, and what ran before may be durable. */
  checkOpen(connection: WorkConnection, text: string): void {
    if (!this.#isOpen || connection.status !== 'I') return;
    this.#options.doom('transaction-control', `the transaction was ended by: ${excerpt(text)}`);
    throw this.#refusal(`the transaction was ended by: ${excerpt(text)}`);
  }

  #refusal(message: string): UnanimousError {
    const { rm } = this.#options;
    return new UnanimousError('transaction-control', `${rm}: ${message}`, { rm });
  }
}

/** What pg reports of a command that returns no rows. */
export function commandResult(command: string) {
  return { command, rowCount: null, oid: null, rows: [], fields: [] };
}

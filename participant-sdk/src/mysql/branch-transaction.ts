import { type ErrorCode, UnanimousError } from '@unanimous/proto';
import { readModes, type TransactionModes, unmetMode } from './begin-modes.ts';
import { isError } from './error-number.ts';
import { InnerTransactions, type LeaseKey } from '../sql/inner-transactions.ts';
import { excerpt, type ParsedSql } from './parsed-sql.ts';
import { readWriteCount } from './vote-state.ts';
import type { WorkConnection } from './work-connection.ts';

/** A statement of the user's, on its way to the branch's connection. */
export interface Statement {
  readonly sql: ParsedSql;
  readonly lease: LeaseKey;
  /** Came by pool.query(), which holds no connection and so can begin nothing. */
  readonly isPooled: boolean;
  /** Sends it; resolves with the error that the server answered, or null. */
  run(connection: WorkConnection): Promise<Error | null>;
}

/** What a branch's transaction needs. */
export interface BranchTransactionOptions {
  readonly rm: string;
  /** The branch id as XA statements take it. */
  readonly xid: string;
  /** The branch can only vote no. */
  doom(code: ErrorCode, message: string): void;
}

/** What the driver reports of a statement without rows. */
export const okResult = {
  ...{ fieldCount: 0, affectedRows: 0, insertId: 0, info: '' },
  ...{ serverStatus: 3, warningStatus: 0, changedRows: 0 },
};

/**
 * The one XA transaction of a branch. It opens with the first statement; what a builder begins in it
 * becomes a savepoint, and nothing but the vote ends it: the server itself refuses whatever would.
 */
export class BranchTransaction {
  readonly #options: BranchTransactionOptions;
  readonly #inner = new InnerTransactions((name) => `\`${name.replaceAll('`', '``')}\``);
  #isOpen = false;
  /** What SET TRANSACTION asked for, before the transaction was open. */
  #modes: TransactionModes = {};
  #hasWriting = false;
  #writesBefore: number | undefined;

  constructor(options: BranchTransactionOptions) {
    this.#options = options;
  }

  /** True while the server holds the transaction open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True while something that a builder began has neither been committed nor rolled back. */
  hasUnfinished(): boolean {
    return this.#inner.hasUnfinished();
  }

  /**
   * False only when nothing was written for certain: all statements were of a kind that reads, and
   * no row was written below them either, by a function say.
   */
  async mayHaveWritten(connection: WorkConnection): Promise<boolean> {
    if (this.#modes.readOnly) return false;
    if (this.#hasWriting || this.#writesBefore === undefined) return this.#hasWriting;
    return (await readWriteCount(connection)) !== this.#writesBefore;
  }

  /** Runs one statement, or what stands for it: gives the answer where the server was not asked. */
  async run(connection: WorkConnection, statement: Statement): Promise<unknown> {
    const { control, text } = statement.sql;
    switch (control.kind) {
      case 'plain':
      case 'savepoint':
        return this.#plain(connection, statement);
      case 'begin':
        return this.#begin(connection, statement, control.modes);
      case 'modes':
        return this.#setModes(connection, control.modes);
      case 'commit':
        return this.#end(connection, this.#inner.commit(statement.lease), text);
      case 'release': {
        const sql = this.#inner.release(statement.lease, control.savepoint);
        return this.#end(connection, sql ?? text, text);
      }
      case 'rollback':
        return this.#rollback(connection, statement);
      case 'rollback-to':
        return this.#rollbackTo(connection, statement, control.savepoint);
      case 'refused':
        throw this.#refusal(`${control.statement} would end the transaction: ${excerpt(text)}`);
    }
  }

  async #plain(connection: WorkConnection, statement: Statement): Promise<void> {
    if (!this.#isOpen) await this.#open(connection);
    if (!statement.sql.isReading && statement.sql.control.kind === 'plain') this.#hasWriting = true;
    if (!this.#hasWriting) this.#writesBefore ??= await readWriteCount(connection);
    this.#inner.statement(statement.lease);
    const error = await statement.run(connection);
    const { control } = statement.sql;
    if (error === null && control.kind === 'savepoint') {
      this.#inner.savepoint(statement.lease, control.savepoint);
    }
  }

  async #begin(connection: WorkConnection, { isPooled, lease, sql }: Statement, modes: string) {
    if (isPooled) {
      throw this.#refusal(`pool.query() cannot hold a transaction open: ${excerpt(sql.text)}`);
    }
    const asked = this.#read(modes);
    if (!this.#isOpen) {
      if (asked.readOnly !== undefined) await this.#setModes(connection, modes);
      await this.#open(connection);
      this.#inner.open(lease);
      return okResult;
    }
    await this.#checkModes(connection, asked, modes);
    const name = this.#inner.nextName();
    await connection.query(`SAVEPOINT ${name}`);
    this.#inner.begin(lease, name);
    return okResult;
  }

  /** XA START takes no modes: they are set for the next transaction before it. */
  async #setModes(connection: WorkConnection, modes: string): Promise<unknown> {
    const asked = this.#read(modes);
    if (this.#isOpen) await this.#checkModes(connection, asked, modes);
    else {
      await connection.query(`SET TRANSACTION ${modes}`);
      this.#modes = { ...this.#modes, ...asked };
    }
    return okResult;
  }

  async #open(connection: WorkConnection): Promise<void> {
    this.#isOpen = true;
    try {
      await connection.query(`XA START ${this.#options.xid}`);
    } catch (error) {
      connection.spoil();
      this.#isOpen = false;
      // There may be no transaction: the next statement would commit by itself.
      const message = `could not begin: ${(error as Error).message}`;
      this.#options.doom('branch-doomed', message);
      if (!isError(error, 'outsideXa', 'wrongXaState')) throw error;
      throw this.#refusal('somebody gave a connection back with a transaction still open on it');
    }
  }

  #read(modes: string): TransactionModes {
    const read = readModes(modes);
    if (read) return read;
    throw this.#refusal(`an XA transaction cannot begin with ${modes}`);
  }

  async #checkModes(connection: WorkConnection, asked: TransactionModes, modes: string) {
    const unmet = await unmetMode(connection, asked, this.#modes);
    if (!unmet) return;
    throw new UnanimousError(
      'transaction-control',
      `${this.#options.rm}: the branch is already open without ${modes}`,
      { rm: this.#options.rm, hint: 'Begin with that mode before any other statement.' },
    );
  }

  async #end(connection: WorkConnection, sql: string | undefined, text: string) {
    if (sql === undefined) throw this.#refusal(`nothing was begun here: ${excerpt(text)}`);
    if (sql !== '') await connection.query(sql);
    return okResult;
  }

  async #rollback(connection: WorkConnection, { lease, sql }: Statement): Promise<unknown> {
    const rollback = this.#inner.rollback(lease);
    if (rollback === undefined) throw this.#refusal(`nothing was begun here: ${excerpt(sql.text)}`);
    if (rollback === 'all') {
      this.#options.doom('branch-doomed', 'the transaction that opened the branch was rolled back');
      await connection.query(`XA END ${this.#options.xid}`);
      await connection.query(`XA ROLLBACK ${this.#options.xid}`);
      this.#isOpen = false;
      return okResult;
    }
    if (rollback.harmsOthers) this.#doomHarmed();
    for (const statement of rollback.statements) await connection.query(statement);
    return okResult;
  }

  async #rollbackTo(connection: WorkConnection, statement: Statement, savepoint: string) {
    if (this.#inner.rollbackTo(statement.lease, savepoint)) this.#doomHarmed();
    await statement.run(connection);
  }

  #doomHarmed(): void {
    this.#options.doom(
      'branch-doomed',
      'a rollback inside the branch has undone a statement that ran beside it: await one of them ' +
        'before the other begins',
    );
  }

  #refusal(message: string): UnanimousError {
    const { rm } = this.#options;
    return new UnanimousError('transaction-control', `${rm}: ${message}`, { rm });
  }
}

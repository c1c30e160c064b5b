import { type ErrorCode, type Reason, reason, UnanimousError } from '@unanimous/proto';
import { BranchTransaction, okResult, type Statement } from './branch-transaction.ts';
import { endsTransaction, isError, voteError } from './error-number.ts';
import { excerpt } from './parsed-sql.ts';
import { StatementQueue } from '../sql/statement-queue.ts';
import type { Ended, WorkConnection } from './work-connection.ts';

/** As it comes from a lease. */
export interface LeasedStatement extends Omit<Statement, 'run'> {
  /** Sends it; calls `ended` before whoever sent it hears of its end. */
  run(connection: WorkConnection, ended: Ended): Promise<void>;
  /** Answers in the server's place. */
  answer(error: Error | null, result?: unknown): void;
}

/** What the work of a branch needs. */
export interface BranchWorkOptions {
  readonly rm: string;
  /** Text of the branch id. */
  readonly name: string;
  /** The same as XA statements take it. */
  readonly xid: string;
  /** A lock timeout rolls back the transaction, not its statement alone. */
  readonly rollsBackOnTimeout: boolean;
  /** Takes a connection out of the user's pool. */
  readonly connect: () => Promise<WorkConnection>;
  /** Tells the runtime that the branch can only vote no. */
  doom(cause: Reason): void;
}

/** The user's statements in a branch: one connection, one statement at a time, one transaction. */
export class BranchWork {
  readonly #options: BranchWorkOptions;
  readonly #queue = new StatementQueue();
  readonly #transaction: BranchTransaction;
  #connecting: Promise<WorkConnection> | undefined;
  #connection: WorkConnection | undefined;
  #isClosed = false;
  #isAbandoned = false;
  #failure: Reason | undefined;

  constructor(options: BranchWorkOptions) {
    this.#options = options;
    const { rm, xid } = options;
    const doom = (code: ErrorCode, message: string) => this.doom(code, message);
    this.#transaction = new BranchTransaction({ rm, xid, doom });
  }

  /** The connection, once there is one. */
  get connection(): WorkConnection | undefined {
    return this.#connection;
  }

  /** True while the server holds an XA transaction open for the branch. */
  get isOpen(): boolean {
    return this.#transaction.isOpen;
  }

  /** Whether it may have written; false only when it is certain that it has not. */
  async mayHaveWritten(): Promise<boolean> {
    const { connection } = this;
    return connection !== undefined && this.#transaction.mayHaveWritten(connection);
  }

  /** Why the branch can only vote no. */
  get failure(): Reason | undefined {
    return this.#failure;
  }

  /** What is still under way: a statement, or a transaction that a builder began. */
  busy(): string | undefined {
    const running = this.#queue.current();
    if (running !== undefined) return excerpt(running);
    const isUnfinished = this.#transaction.hasUnfinished();
    return isUnfinished ? 'BEGIN (neither committed nor rolled back)' : undefined;
  }

  /** Refuses all statements from now on, those that wait included. */
  close(): void {
    this.#isClosed = true;
  }

  /** As `close`, because nothing of the work will be kept. */
  abandon(): void {
    this.#isAbandoned = true;
    this.close();
  }

  /** Resolves when no statement runs. */
  whenIdle(): Promise<void> {
    return this.#queue.whenIdle();
  }

  /** The branch can only vote no. The first cause stays. */
  doom(code: ErrorCode, message: string): void {
    if (this.#failure) return;
    this.#failure = reason(code, `${this.#options.rm}: ${message}`, this.#options.rm);
    this.#options.doom(this.#failure);
  }

  /** The branch's connection, taken from the user's pool at the first call. */
  connect(): Promise<WorkConnection> {
    return (this.#connecting ??= this.#connect());
  }

  /** Runs a statement when those before it are done. Never rejects: it answers the statement. */
  async execute(statement: LeasedStatement): Promise<void> {
    await this.#queue.run(statement.sql.text, async (ended) => {
      let outcome: { error: Error | null; result?: unknown } | undefined;
      try {
        outcome = await this.#execute(statement, ended);
      } catch (error) {
        outcome = { error: error as Error };
      }
      ended();
      if (outcome) statement.answer(outcome.error, outcome.result);
    });
  }

  async #connect(): Promise<WorkConnection> {
    try {
      const connection = await this.#options.connect();
      this.#connection = connection;
      connection.onLost((error) =>
        this.doom('rm-unavailable', `connection lost: ${error.message}`),
      );
      if (this.#isClosed) connection.free();
      return connection;
    } catch (error) {
      this.#connecting = undefined;
      throw error;
    }
  }

  /** Undefined when the server has answered itself. */
  async #execute(statement: LeasedStatement, ended: () => void) {
    const { control, text, mayLeak } = statement.sql;
    // A builder cleans up after a failure; it shall see that one, not another.
    const isMoot = this.#failure !== undefined || this.#isAbandoned;
    if (isMoot && control.kind === 'rollback') return { error: null, result: okResult };
    this.#refuseWhenOver(text);
    const connection = await this.connect();
    this.#refuseWhenOver(text);
    if (mayLeak) connection.spoil();
    let wasSent = false;
    const run = async (it: WorkConnection) => {
      wasSent = true;
      let failure: Error | null = null;
      await statement.run(it, (error) => {
        failure = error && this.#seen(error, text);
        ended();
        return failure;
      });
      return failure;
    };
    const result = await this.#transaction.run(connection, { ...statement, run });
    return wasSent ? undefined : { error: null, result };
  }

  /** Notes what a failed statement means to the branch; gives the error that the user shall see. */
  #seen(error: Error, text: string): Error {
    const { rm, rollsBackOnTimeout } = this.#options;
    if ((error as { code?: unknown }).code === 'PROTOCOL_SEQUENCE_TIMEOUT') {
      this.doom('branch-doomed', `the driver gave up waiting for: ${excerpt(text)}`);
    } else if (endsTransaction(error, rollsBackOnTimeout)) {
      const { code, message } = voteError(error, rm, 'branch-doomed');
      this.doom(code, `rolled back by the server: ${message}`);
    } else if (isError(error, 'wrongXaState')) {
      const message = `${rm}: would end the transaction: ${excerpt(text)}`;
      return new UnanimousError('transaction-control', message, { rm, cause: error });
    }
    return error;
  }

  #refuseWhenOver(text: string): void {
    const { rm } = this.#options;
    if (this.#isClosed) {
      const message = `${rm}: the transaction was over before this statement: ${excerpt(text)}`;
      throw new UnanimousError('work-after-end', message, { rm });
    }
    if (!this.#failure) return;
    const message = `${this.#failure.message}; refused: ${excerpt(text)}`;
    throw new UnanimousError('branch-doomed', message, { rm, reason: this.#failure });
  }
}

import { type ErrorCode, type Reason, reason, UnanimousError } from '@unanimous/proto';
import { BranchTransaction, commandResult, type Statement } from './branch-transaction.ts';
import type { RawAnswer, Unit } from './one-write.ts';
import { excerpt } from './parsed-sql.ts';
import { StatementQueue } from '../sql/statement-queue.ts';
import { knownServer, voteQuestion } from './vote-state.ts';
import type { WorkConnection, WorkResult } from './work-connection.ts';

/** As it comes from a lease. */
export interface LeasedStatement extends Omit<Statement, 'run'> {
  /** Calls `ended` first when it shows its end to others before the promise settles. */
  run(connection: WorkConnection, ended: () => void): Promise<unknown>;
}

/** What the work of a branch needs. */
export interface BranchWorkOptions {
  readonly rm: string;
  /** Text of the branch id. */
  readonly name: string;
  /** The first branch of its transaction, so that it may be the only one. */
  readonly isFirst: boolean;
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
  #mentionsNotify = false;
  #hasChanged = false;
  #hasOnlySelected = true;
  #isSimple = true;
  #told: RawAnswer['row'] | undefined;
  #failure: Reason | undefined;

  constructor(options: BranchWorkOptions) {
    this.#options = options;
    const { rm, name } = options;
    const doom = (code: ErrorCode, message: string) => this.doom(code, message);
    this.#transaction = new BranchTransaction({ rm, name, doom });
  }

  /** The connection, once there is one. */
  get connection(): WorkConnection | undefined {
    return this.#connection;
  }

  /** True while Postgres holds a transaction open for the branch. */
  get isOpen(): boolean {
    return this.#transaction.isOpen;
  }

  /** True once a statement's own answer said that it changed rows. */
  get hasChanged(): boolean {
    return this.#hasChanged;
  }

  /** True when nothing has run that could have touched more than rows. */
  get isSimple(): boolean {
    return this.#isSimple;
  }

  /** True when all that has run was SELECT: it may have written by a function at most. */
  get hasOnlySelected(): boolean {
    return this.#hasOnlySelected;
  }

  /** What Postgres answered to `voteQuestion` with a statement that changed rows, if it was asked. */
  get told(): RawAnswer['row'] | undefined {
    return this.#told;
  }

  get mentionsNotify(): boolean {
    return this.#mentionsNotify;
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

  /** The connection is not the work's any more: the branch is prepared, whatever becomes of it. */
  handOver(): void {
    this.#connection?.onLost(() => {});
    this.#connection = undefined;
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

  /** Runs a statement when those before it are done. */
  execute(statement: LeasedStatement): Promise<unknown> {
    return this.#queue.run(statement.sql.text, (ended) => this.#execute(statement, ended));
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

  async #execute(statement: LeasedStatement, ended: () => void): Promise<unknown> {
    const { control, text } = statement.sql;
    // A builder cleans up after a failure; it shall see that one, not another.
    const isMoot = this.#failure !== undefined || this.#isAbandoned;
    if (isMoot && control.kind === 'rollback') return commandResult('ROLLBACK');
    this.#refuseWhenOver(text);
    let connection = this.#connection;
    if (!connection) {
      connection = await this.connect();
      this.#refuseWhenOver(text);
    }
    if (statement.sql.mayLeak) connection.spoil();
    this.#mentionsNotify ||= statement.sql.mentionsNotify;
    this.#isSimple &&= statement.sql.isSimple;
    try {
      const result = await this.#transaction.run(connection, this.#asking(statement, ended));
      this.#transaction.checkOpen(connection, text);
      this.#hasChanged ||= changesRows(result);
      this.#hasOnlySelected &&= (result as Partial<WorkResult> | null)?.command === 'SELECT';
      return result;
    } catch (error) {
      this.#hasOnlySelected = false;
      if (error instanceof Error && error.message === 'Query read timeout') {
        this.doom('branch-doomed', `the driver gave up waiting for: ${excerpt(text)}`);
      }
      throw error;
    }
  }

  /**
   * The statement, with the question for the vote behind it: where it writes and is all there is, nothing
   * need be asked before the COMMIT.
   */
  #asking(statement: LeasedStatement, ended: () => void): Statement {
    const run = (it: WorkConnection) => statement.run(it, ended);
    const { runTogether } = statement;
    const { isChange } = statement.sql;
    const isAsking = isChange && !this.#told && this.#mayAsk;
    if (!runTogether || !isAsking) return { ...statement, run };
    const asked: Unit['asked'] = (row) => {
      if (row[0] !== null) this.#told = row; // it has written something
    };
    const asking = (it: WorkConnection, unit: Omit<Unit, 'question' | 'asked'>) =>
      runTogether(it, { ...unit, question: voteQuestion, asked });
    return {
      ...statement,
      run: (it) => asking(it, { before: [], begun: () => {} }) ?? run(it),
      runTogether: asking,
    };
  }

  /** In vain where other branches are open, or before the connection has told of its server. */
  get #mayAsk(): boolean {
    const { isFirst } = this.#options;
    return isFirst && this.#connection !== undefined && knownServer(this.#connection) !== undefined;
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

const changing = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** Whether pg's result, one or several, is of a statement that changed rows. */
function changesRows(result: unknown): boolean {
  return [result].flat().some((one) => {
    const { command, rowCount } = (one ?? {}) as Partial<WorkResult>;
    return changing.has(command ?? '') && (rowCount ?? 0) > 0;
  });
}

import {
  type BranchId,
  type ErrorCode,
  formatBranchId,
  type Reason,
  reason,
  UnanimousError,
} from '@unanimous/proto';
import { BranchTransaction, commandResult, type Statement } from './branch-transaction.ts';
import type { Asking, RawAnswer } from './one-write.ts';
import { excerpt } from './parsed-sql.ts';
import { StatementQueue } from '../sql/statement-queue.ts';
import { knownServer, voteQuestion } from './vote-state.ts';
import type { WorkConnection, WorkResult } from './work-connection.ts';

/** What the work of all branches in a database needs. */
export interface WorkPorts {
  readonly rm: string;
  /** Takes a connection out of the user's pool. */
  readonly connect: () => Promise<WorkConnection>;
  /** Tells the runtime that the branch can only vote no. */
  readonly doom: (id: BranchId, cause: Reason) => void;
}

/** The user's statements in a branch: one connection, one statement at a time, one transaction. */
export class BranchWork {
  readonly rm: string;
  readonly #id: BranchId;
  readonly #ports: WorkPorts;
  readonly #queue = new StatementQueue();
  readonly #transaction: BranchTransaction;
  #name: string | undefined;
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

  constructor(id: BranchId, ports: WorkPorts) {
    this.rm = ports.rm;
    this.#id = id;
    this.#ports = ports;
    this.#transaction = new BranchTransaction(this);
  }

  /** Text of the branch id. */
  get name(): string {
    return (this.#name ??= formatBranchId(this.#id));
  }

  /** What Postgres has for the name while the open transaction is the branch's. */
  get nameSet(): string {
    return this.#transaction.nameSet;
  }

  /** The connection, once there is one. */
  get connection(): WorkConnection | undefined {
    return this.#connection;
  }

  /** False where something past our eyes has ended the transaction, besides the vote's `own` ends. */
  isWhole(connection: WorkConnection, own: number): boolean {
    return this.#transaction.isWhole(connection, own);
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
    this.#failure = reason(code, `${this.rm}: ${message}`, this.rm);
    this.#ports.doom(this.#id, this.#failure);
  }

  /** The branch's connection, taken from the user's pool at the first call. */
  connect(): Promise<WorkConnection> {
    return (this.#connecting ??= this.#ports.connect().then(
      (connection) => this.#connected(connection),
      (error: unknown) => {
        this.#connecting = undefined;
        throw error;
      },
    ));
  }

  /** Runs a statement when those before it are done. */
  execute(statement: Statement): Promise<unknown> {
    return this.#queue.run(statement.sql.text, (ended) => this.#execute(statement, ended));
  }

  #connected(connection: WorkConnection): WorkConnection {
    this.#connection = connection;
    connection.onLost((error) => this.doom('rm-unavailable', `connection lost: ${error.message}`));
    if (this.#isClosed) connection.free();
    return connection;
  }

  async #execute(statement: Statement, ended: () => void): Promise<unknown> {
    const { control, text, mayLeak, mentionsNotify, isSimple } = statement.sql;
    // A builder cleans up after a failure; it shall see that one, not another.
    const isMoot = this.#failure !== undefined || this.#isAbandoned;
    if (isMoot && control.kind === 'rollback') return commandResult('ROLLBACK');
    this.#refuseWhenOver(text);
    let connection = this.#connection;
    if (!connection) {
      connection = await this.connect();
      this.#refuseWhenOver(text);
    }
    if (mayLeak) connection.spoil();
    this.#mentionsNotify ||= mentionsNotify;
    this.#isSimple &&= isSimple;
    try {
      const asking = this.#asking(statement);
      const result = await this.#transaction.run({ connection, statement, ended, asking });
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
   * The question for the vote, to go behind the statement: where it writes and is all there is, nothing need
   * be asked before the COMMIT. In vain where other branches are open, or before the connection has told of
   * its server.
   */
  #asking({ sql }: Statement): Asking | undefined {
    const isFirst = this.#id.branch === 1;
    const mayAsk = isFirst && this.#connection && knownServer(this.#connection) !== undefined;
    if (!sql.isChange || this.#told || !mayAsk) return undefined;
    return {
      question: voteQuestion,
      asked: (row) => {
        if (row[0] !== null) this.#told = row; // it has written something
      },
    };
  }

  #refuseWhenOver(text: string): void {
    const { rm } = this;
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
  if (Array.isArray(result)) return result.some(changesRows);
  const { command, rowCount } = (result ?? {}) as Partial<WorkResult>;
  return changing.has(command ?? '') && (rowCount ?? 0) > 0;
}

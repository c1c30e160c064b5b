import { type BranchId, UnanimousError } from '@unanimous/proto';
import type { Finished, OpenBranch, PrepareResult, ReadyResult } from '../resource.ts';
import type { BranchWork } from './branch-work.ts';
import { endsTransaction, isError, voteError } from './error-number.ts';
import { type DatabaseIdentity, incarnationOf } from './identity-row.ts';
import type { PhaseTwo } from './phase-two.ts';
import type { Receipt } from './receipt.ts';
import { writeReceipt } from './receipt-rows.ts';
import { rollBackWork } from './roll-back-work.ts';
import { hasChangedForGood } from './vote-state.ts';
import type { WorkConnection } from './work-connection.ts';
import { xidOf } from './xid.ts';

/** What a branch needs besides its work. */
export interface MysqlBranchOptions {
  readonly id: BranchId;
  readonly work: BranchWork;
  readonly phaseTwo: PhaseTwo;
  readonly identity: DatabaseIdentity;
}

/** A branch in MariaDB or MySQL: one connection with one XA transaction, until it votes. */
export class MysqlBranch implements OpenBranch {
  readonly work: BranchWork;
  readonly #options: MysqlBranchOptions;
  readonly #xid: string;
  #voting: Promise<unknown> | undefined;
  #rollingBack: Promise<void> | undefined;
  /** XA PREPARE was sent and may have succeeded without our hearing of it. */
  #mayBePrepared = false;
  #isPrepared = false;

  constructor(options: MysqlBranchOptions) {
    this.#options = options;
    this.work = options.work;
    this.#xid = xidOf(options.id);
  }

  busy(): string | undefined {
    return this.work.busy();
  }

  prepare(): Promise<PrepareResult> {
    return this.#vote(async () => {
      const connection = await this.#end();
      if (!connection) return { vote: 'read-only' };
      await this.#prepare(connection);
      return { vote: 'yes', receipt: this.#receipt(), redo: new Uint8Array() };
    });
  }

  ready(): Promise<ReadyResult> {
    return this.#vote(async () => {
      const connection = await this.#end();
      return connection ? { vote: 'ready', receipt: this.#receipt() } : { vote: 'read-only' };
    });
  }

  async commitOnePhase(): Promise<Finished> {
    const { connection } = this.work;
    const { rm } = this.#options.id;
    if (!connection) throw new UnanimousError('branch-unknown', `${rm}: nothing to commit`, { rm });
    try {
      await connection.query(`XA COMMIT ${this.#xid} ONE PHASE`);
      return { result: 'committed' };
    } catch (error) {
      connection.spoil();
      // Anything else is for the receipt to tell.
      if (!endsTransaction(error, true)) throw voteError(error, rm);
      return { result: 'rolled-back', reason: voteError(error, rm, 'branch-doomed').toReason() };
    } finally {
      connection.free();
    }
  }

  rollback(): Promise<void> {
    return (this.#rollingBack ??= this.#rollBack());
  }

  async #vote<T>(vote: () => Promise<T>): Promise<T> {
    const { rm, gid } = this.#options.id;
    if (this.#voting) throw new UnanimousError('work-after-end', `${rm}: voted`, { rm, gid });
    const voting = vote().catch((error: unknown) => {
      throw voteError(error, rm);
    });
    this.#voting = voting.catch(() => undefined);
    return voting;
  }

  /**
   * Ends the work. Undefined when nothing was written, and the transaction is over then.
   * @throws UnanimousError when the branch is not whole (PROTOCOL rule 2).
   */
  async #end(): Promise<WorkConnection | undefined> {
    const { work } = this;
    const { id } = this.#options;
    const running = work.busy();
    work.close();
    const { failure, connection } = work;
    if (failure) {
      const { code, message, hint, retryable } = failure;
      throw new UnanimousError(code, message, { rm: id.rm, hint, retryable });
    }
    if (running !== undefined) {
      throw new UnanimousError('statement-running', `${id.rm}: ${running}`, { rm: id.rm });
    }
    if (!connection || !work.isOpen) {
      connection?.free();
      return undefined;
    }
    this.#checkOpened();
    const mayHaveWritten = await work.mayHaveWritten();
    await this.#xaEnd(connection, mayHaveWritten);
    if (mayHaveWritten) return connection;
    await connection.query(`XA ROLLBACK ${this.#xid}`);
    connection.free();
    return undefined;
  }

  async #xaEnd(connection: WorkConnection, mayHaveWritten: boolean): Promise<void> {
    const { id, identity } = this.#options;
    try {
      if (mayHaveWritten) {
        if (await hasChangedForGood(connection)) throw this.#changedForGood();
        await writeReceipt(connection, identity.database, id);
      }
      await connection.query(`XA END ${this.#xid}`);
    } catch (error) {
      if (!isError(error, 'wrongXaState', 'unknownXid')) throw error;
      const message = `${id.rm}: other SQL has ended the branch's transaction; some may be committed`;
      throw new UnanimousError('transaction-control', message, { rm: id.rm, cause: error });
    }
  }

  /** A branch of what the database was before its restore must not vote. */
  #checkOpened(): void {
    const { id, identity } = this.#options;
    const incarnation = incarnationOf(identity);
    if (incarnation === id.incarnation) return;
    const message = `${id.rm}: was ${id.incarnation}, is ${incarnation}`;
    throw new UnanimousError('rm-unavailable', message, { rm: id.rm });
  }

  #changedForGood(): UnanimousError {
    const { rm } = this.#options.id;
    const message = `${rm}: the transaction has changed what no rollback takes back`;
    const hint =
      'Tables of MyISAM, Aria, MEMORY and other engines without transactions keep what was written ' +
      'to them; alter them to InnoDB. Make temporary tables outside the transaction.';
    return new UnanimousError('prepare-refused', message, { rm, hint });
  }

  async #prepare(connection: WorkConnection): Promise<void> {
    const { id, phaseTwo } = this.#options;
    this.#mayBePrepared = true;
    try {
      // If we crash from here on, the scan finds the branch and asks what became of it.
      await connection.query(`XA PREPARE ${this.#xid}`);
    } catch (error) {
      // What the server has rolled back was not prepared; of anything else nobody knows.
      if (endsTransaction(error, true)) this.#mayBePrepared = false;
      connection.spoil();
      throw error;
    }
    if (this.#rollingBack) {
      throw new UnanimousError('prepare-refused', `${id.rm}: rolled back while it prepared`);
    }
    this.#mayBePrepared = false;
    this.#isPrepared = true;
    phaseTwo.held.hold(id, connection);
  }

  #receipt(): string {
    const { id: database, incarnation } = this.#options.identity;
    const receipt: Receipt = { database, incarnation };
    return JSON.stringify(receipt);
  }

  async #rollBack(): Promise<void> {
    if (this.#isPrepared) return; // from now on phase two alone may end it
    const { pool } = this.#options.phaseTwo;
    await rollBackWork({ work: this.work, xid: this.#xid, voting: this.#voting, phaseTwo: pool });
    if (!this.#mayBePrepared) return;
    // Not there, out of reach, or its session has not ended: the scan will find it if it landed.
    await pool.run(`XA ROLLBACK ${this.#xid}`).catch(() => undefined);
  }
}

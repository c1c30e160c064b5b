import { type BranchId, failpoint, UnanimousError } from '@unanimous/proto';
import type { Finished, LostAnswer, OpenBranch, PrepareResult, ReadyResult } from '../resource.ts';
import { BranchWork, type WorkPorts } from './branch-work.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import { rollBackWork } from './roll-back-work.ts';
import { incarnationOf, type ServerState } from './server-state.ts';
import { isRefusal, voteError } from './sqlstate.ts';
import {
  assignXid,
  homeQuery,
  isDurable,
  knownServer,
  placeQuestion,
  readTold,
  readVoteState,
  voteQuery,
  voteQuestion,
  voteStateOf,
} from './vote-state.ts';
import type { RawAnswer } from './one-write.ts';
import type { Answered, WorkConnection } from './work-connection.ts';
import type { Receipt } from './receipt.ts';

/** What all branches in a database need. */
export interface BranchPorts extends WorkPorts {
  readonly phaseTwo: PhaseTwoPool;
  /** Role that phase two logs in as. */
  readonly role: string;
  /** Keeps the connection for the end of the branch, or gives it back. */
  readonly park: (name: string, connection: WorkConnection) => void;
}

/** The transaction that is to end, and where. */
interface Ended {
  readonly server: ServerState;
  readonly xid: string;
}

/** A branch in Postgres: one connection with one transaction, until it votes. */
export class PostgresBranch implements OpenBranch {
  readonly work: BranchWork;
  readonly #id: BranchId;
  readonly #ports: BranchPorts;
  #voting: Promise<unknown> | undefined;
  #rollingBack: Promise<void> | undefined;
  /** PREPARE was sent and may have succeeded without our hearing of it. */
  #mayBePrepared = false;

  constructor(id: BranchId, ports: BranchPorts) {
    this.#id = id;
    this.#ports = ports;
    this.work = new BranchWork(id, ports);
  }

  busy(): string | undefined {
    return this.work.busy();
  }

  prepare(): Promise<PrepareResult> {
    return this.#vote(() => {
      const connection = this.#whole();
      return connection ? this.#prepareAsFits(connection) : Promise.resolve(readOnly);
    });
  }

  ready(): Promise<ReadyResult> {
    return this.#vote(async () => {
      const connection = this.#whole();
      if (!connection) return { vote: 'read-only' };
      const told = this.#told(connection);
      return told ? { vote: 'ready', receipt: receiptOfReady(told) } : this.#ready(connection);
    });
  }

  commitOnePhase(): Promise<Finished> {
    const { connection } = this.work;
    const { rm } = this.#id;
    if (!connection) {
      const error = new UnanimousError('branch-unknown', `${rm}: nothing to commit`, { rm });
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#sendCommit(connection, false, (answer, warnings) => {
        try {
          if (answer instanceof Error) throw answer;
          resolve(this.#readCommit(connection, answer.commands[0], warnings));
        } catch (error) {
          if (!isRefusal(error)) reject(voteError(error, rm));
          else resolve(this.#rolledBack(error));
        }
      });
    });
  }

  commitAtHome(): Promise<Finished | LostAnswer> {
    return this.#vote(() => {
      const connection = this.#whole();
      if (!connection) return Promise.resolve({ result: 'committed' } as const);
      const server = knownServer(connection);
      if (!server) return this.#readyThenCommit(connection);
      const isAsUsual = this.work.isSimple && isDurable(connection);
      // Where nothing was changed a question is too dear: should the answer be lost, nobody knows.
      if (isAsUsual && this.work.hasOnlySelected) return this.#commitOrLose(connection, undefined);
      const told = this.#told(connection);
      if (told) return this.#commitOrLose(connection, told);
      if (!connection.sendsTwo) return this.#readyThenCommit(connection);
      // What a function in it has set does not show in the SQL, so the settings are set.
      return this.#askAndCommit(connection, server, homeQuery(this.work.nameSet));
    });
  }

  async #ready(connection: WorkConnection): Promise<ReadyResult> {
    const ended = await this.#end(connection);
    if (!ended) return { vote: 'read-only' };
    return { vote: 'ready', receipt: receiptOfReady(ended) };
  }

  async #readyThenCommit(connection: WorkConnection): Promise<Finished | LostAnswer> {
    const ended = await this.#end(connection);
    return ended ? this.#commitOrLose(connection, ended) : { result: 'committed' };
  }

  #commitOrLose(
    connection: WorkConnection,
    ended: Ended | undefined,
  ): Promise<Finished | LostAnswer> {
    return new Promise((resolve) => {
      try {
        this.#sendCommit(connection, true, (answer, warnings) =>
          resolve(this.#finished(connection, { answer, warnings, ended })),
        );
      } catch (error) {
        resolve(this.#lost(ended, error)); // it has left
      }
    });
  }

  /** Sends COMMIT on the connection, which is given back with the answer, behind `done`. */
  #sendCommit(connection: WorkConnection, isAtHome: boolean, done: Answered): void {
    connection.command('COMMIT', (answer, warnings) => {
      try {
        done(answer, warnings);
      } finally {
        connection.free();
      }
    });
    this.#sentCommit(isAtHome);
  }

  /** Question and COMMIT in one write. */
  #askAndCommit(
    connection: WorkConnection,
    server: ServerState,
    question: string,
  ): Promise<Finished | LostAnswer> {
    const { rm } = this.#id;
    const { firstError } = connection;
    return new Promise((resolve, reject) => {
      connection.queryTwo(question, 'COMMIT', (asked, answer, warnings) => {
        try {
          // The failure of the question made the COMMIT a rollback.
          if (asked instanceof Error && isRefusal(asked)) throw firstError ?? asked;
          const [xid, lsn] = asked instanceof Error ? [] : asked.row;
          const ended = xid && lsn ? { server: { ...server, lsn }, xid } : undefined;
          resolve(this.#finished(connection, { answer, warnings, ended }));
        } catch (error) {
          reject(voteError(error, rm, 'branch-doomed'));
        } finally {
          connection.free();
        }
      });
      try {
        this.#sentCommit(true);
      } catch (error) {
        resolve(this.#lost(undefined, error)); // it has left
      }
    });
  }

  #finished(
    connection: WorkConnection,
    {
      answer,
      warnings,
      ended,
    }: {
      readonly answer: RawAnswer | Error;
      readonly warnings: readonly string[];
      /** For the receipt, where the answer does not tell. */
      readonly ended: Ended | undefined;
    },
  ): Finished | LostAnswer {
    try {
      if (answer instanceof Error) throw answer;
      return this.#readCommit(connection, answer.commands[0], warnings);
    } catch (error) {
      return isRefusal(error) ? this.#rolledBack(error) : this.#lost(ended, error);
    }
  }

  /** What a COMMIT was answered. @throws UnanimousError when that does not say what happened. */
  #readCommit(
    connection: WorkConnection,
    command: string | null | undefined,
    warnings: readonly string[],
  ): Finished {
    const { rm } = this.#id;
    // Answered so when a statement had failed. A warning: our transaction was gone, or a standby
    // has not confirmed. Both are for the receipt to tell.
    if (command === 'ROLLBACK') return { result: 'rolled-back' };
    if (command === 'COMMIT' && warnings.length === 0) return { result: 'committed' };
    connection.spoil();
    const message = `${rm}: COMMIT was answered ${command}, ${warnings.join('; ')}`;
    throw new UnanimousError('rm-unavailable', message, { rm });
  }

  #rolledBack(error: unknown): Finished {
    const { rm } = this.#id;
    return { result: 'rolled-back', reason: voteError(error, rm, 'branch-doomed').toReason() };
  }

  #lost(ended: Ended | undefined, error: unknown): LostAnswer {
    const { rm } = this.#id;
    const reason = voteError(error, rm).toReason();
    const receipt = ended ? receiptOfReady(ended) : '';
    return { result: 'lost', receipt, reason: { ...reason, code: 'rm-unavailable', rm } };
  }

  rollback(): Promise<void> {
    return (this.#rollingBack ??= this.#rollBack());
  }

  #vote<T>(vote: () => Promise<T>): Promise<T> {
    const { rm, gid } = this.#id;
    const failed = (error: unknown): never => {
      throw voteError(error, rm);
    };
    if (this.#voting) {
      return Promise.reject(new UnanimousError('work-after-end', `${rm}: voted`, { rm, gid }));
    }
    let voting: Promise<T>;
    try {
      voting = vote();
    } catch (error) {
      voting = Promise.reject(error);
    }
    this.#voting = voting;
    return voting.catch(failed);
  }

  /**
   * Closes the work. Its connection, or undefined when no transaction was opened.
   * @throws UnanimousError when the branch is not whole (PROTOCOL rule 2).
   */
  #whole(): WorkConnection | undefined {
    const { work } = this;
    const { rm } = this.#id;
    const running = work.busy();
    work.close();
    const { failure, connection } = work;
    if (failure) {
      const { code, message, hint, retryable } = failure;
      throw new UnanimousError(code, message, { rm, hint, retryable });
    }
    if (running !== undefined) {
      throw new UnanimousError('statement-running', `${rm}: ${running}`, { rm });
    }
    if (connection && work.isOpen) {
      this.#checkOurs(connection, work.nameSet, 0);
      return connection;
    }
    connection?.free();
    return undefined;
  }

  /** Ends the work. Undefined when nothing was written, and the transaction is over then. */
  async #end(connection: WorkConnection): Promise<Ended | undefined> {
    const { work } = this;
    const { role } = this.#ports;
    const { isSimple } = work;
    const state = await this.#explained(connection, readVoteState(connection, { role, isSimple }));
    this.#checkOurs(connection, state.branch, 0);
    this.#checkServer(state.server);
    const { server } = state as { server: ServerState };
    // Its absence does not show what went to other servers, nor a notification (rule 12).
    const hasHiddenWork = state.hasRemotes || work.mentionsNotify;
    const xid = state.xid ?? (hasHiddenWork ? await assignXid(connection) : undefined);
    if (xid !== undefined) return { server, xid };
    const [result] = [await connection.query('COMMIT')].flat();
    if (result?.command !== 'COMMIT') throw this.#refused(`COMMIT was answered ${result?.command}`);
    connection.free();
    return undefined;
  }

  /** The first error of the work says more than that it made Postgres refuse what came after. */
  async #explained<T>({ firstError }: WorkConnection, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#explanation(firstError, error);
    }
  }

  #explanation(firstError: unknown, error: unknown): unknown {
    return firstError === undefined ? error : voteError(firstError, this.#id.rm, 'branch-doomed');
  }

  /**
   * @param name what Postgres has for the branch's name; where nothing has run that could end the
   * transaction unheard, it has none.
   * @param own how many ends the vote itself has sent.
   */
  #checkOurs(connection: WorkConnection, name: string, own: number): void {
    const { work } = this;
    if (name === work.nameSet && work.isWhole(connection, own)) return;
    const { rm } = this.#id;
    const message = `${rm}: other SQL has ended the branch's transaction; some may be committed`;
    throw new UnanimousError('transaction-control', message, { rm });
  }

  #checkServer(server: ServerState | undefined): void {
    const id = this.#id;
    const { rm } = id;
    const incarnation = server && incarnationOf(server);
    if (incarnation === id.incarnation) return;
    const hint = 'The server failed over or was restored; it is opened again with the next scan.';
    const message = `${rm}: was ${id.incarnation}, is ${incarnation ?? 'a standby'}`;
    throw new UnanimousError('rm-unavailable', message, { rm, hint });
  }

  /**
   * What was told with the work, where it still says all that would be asked: nothing has failed since,
   * nor run that could have ended the transaction or changed its settings.
   */
  #told(connection: WorkConnection): Ended | undefined {
    const { told: row, isSimple } = this.work;
    const server = knownServer(connection);
    const told = row && readTold(row, this.#ports.role);
    if (!told || !isSimple || !server || connection.firstError !== undefined) return undefined;
    this.#checkServer(server);
    return { server: { ...server, lsn: told.lsn }, xid: told.xid };
  }

  #prepareAsFits(connection: WorkConnection): Promise<PrepareResult> {
    const { hasChanged, isSimple } = this.work;
    const server = knownServer(connection);
    if (!server || !hasChanged) return this.#askThenPrepare(connection);
    const isAsUsual = isSimple && isDurable(connection) && connection.sendsTwo;
    return isAsUsual
      ? this.#prepareAsUsual(connection, server)
      : this.#askAndPrepare(connection, server);
  }

  /** In two steps: what has written nothing is not prepared. */
  async #askThenPrepare(connection: WorkConnection): Promise<PrepareResult> {
    const ended = await this.#end(connection);
    if (!ended) return readOnly;
    const { lsn } = await this.#prepare(connection, '');
    this.#prepared(connection);
    return yes({ ...placeOf(ended.server, ended.xid), lsn });
  }

  /** In one step, where rows were changed on a connection whose server is known. */
  async #askAndPrepare(connection: WorkConnection, known: ServerState): Promise<PrepareResult> {
    const prepare = this.#prepare(connection, `${voteQuery(this.#ports.role)};`);
    const { lsn, asked } = await this.#explained(connection, prepare);
    const { xid, branch, server } = voteStateOf(asked, known);
    // Not ours: what was prepared in our name is rolled back with the no.
    this.#checkOurs(connection, branch, 1);
    this.#checkServer(server);
    if (xid === undefined) throw this.#refused('the transaction that changed rows has no id');
    this.#prepared(connection);
    return yes({ ...placeOf(known, xid), lsn });
  }

  /** As `#askAndPrepare`, where nothing has run that could change how a transaction ends. */
  #prepareAsUsual(connection: WorkConnection, known: ServerState): Promise<PrepareResult> {
    const { firstError } = connection;
    this.#mayBePrepared = true;
    // If we crash from here on, the scan finds the branch and asks what became of it.
    const prepare = `PREPARE TRANSACTION '${this.work.name}'`;
    return new Promise((resolve, reject) => {
      connection.queryBetween(voteQuestion, prepare, placeQuestion, (answer, warnings) => {
        try {
          if (answer instanceof Error) throw this.#explanation(firstError, answer);
          resolve(yes(this.#readPrepared(connection, known, answer, warnings)));
        } catch (error) {
          reject(error);
        }
      });
      this.#sentPrepare();
    });
  }

  #readPrepared(
    connection: WorkConnection,
    known: ServerState,
    { commands, row }: RawAnswer,
    warnings: readonly string[],
  ): Receipt {
    this.#checkPrepared(commands[1], warnings);
    const lsn = String(row.at(-1));
    const told = readTold(row, this.#ports.role);
    if (!told) throw this.#refused('the settings of the session have changed');
    // Not ours: what was prepared in our name is rolled back with the no.
    this.#checkOurs(connection, this.work.nameSet, 1);
    this.#checkServer(known);
    this.#checkStays();
    this.work.handOver();
    this.#ports.park(this.work.name, connection);
    return { ...placeOf(known, told.xid), lsn };
  }

  /** Sends PREPARE, behind a question whose answer is `asked`. Not over before `#prepared`. */
  async #prepare(connection: WorkConnection, question: string) {
    this.#mayBePrepared = true;
    // If we crash from here on, the scan finds the branch and asks what became of it.
    const answer = connection.queryWithWarnings(
      `${question}PREPARE TRANSACTION '${this.work.name}';
       SELECT pg_catalog.pg_current_wal_insert_lsn()::text AS "lsn"`,
    );
    this.#sentPrepare();
    const { results, warnings } = await answer;
    const [prepared, position] = results.slice(-2);
    this.#checkPrepared(prepared?.command, warnings);
    return { asked: results[0]?.rows[0], lsn: String(position?.rows[0]?.['lsn']) };
  }

  #checkPrepared(command: string | null | undefined, warnings: readonly string[]): void {
    // A transaction that had failed is answered ROLLBACK, without an error.
    if (command !== 'PREPARE') {
      this.#mayBePrepared = false;
      const answer = [command, ...warnings].join('; ');
      throw this.#refused(`PREPARE TRANSACTION was answered ${answer}`);
    }
    // There was none to prepare, or a standby that has to confirm it has not (rule 13).
    if (warnings.length > 0) throw this.#refused(warnings.join('; '));
  }

  #prepared(connection: WorkConnection): void {
    this.#checkOurs(connection, this.work.nameSet, 1);
    this.#checkStays();
    connection.free();
  }

  #checkStays(): void {
    if (this.#rollingBack) throw this.#refused('rolled back while it prepared');
    this.#mayBePrepared = false;
  }

  #sentCommit(isAtHome: boolean): void {
    const { rm } = this.#id;
    if (isAtHome) failpoint('p.home.sent', rm);
    else failpoint('p.COMMIT.sent', rm);
  }

  #sentPrepare(): void {
    failpoint('p.PREPARE.sent', this.#id.rm);
  }

  async #rollBack(): Promise<void> {
    const { phaseTwo } = this.#ports;
    const voting = this.#voting?.catch(() => undefined);
    await rollBackWork({ work: this.work, voting, phaseTwo });
    if (!this.#mayBePrepared) return;
    // Not there, or out of reach: the scan will find it if it lands.
    await phaseTwo.run(`ROLLBACK PREPARED '${this.work.name}'`).catch(() => undefined);
  }

  #refused(message: string): UnanimousError {
    const { rm } = this.#id;
    this.work.connection?.spoil();
    return new UnanimousError('prepare-refused', `${rm}: ${message}`, { rm });
  }
}

const readOnly: PrepareResult = { vote: 'read-only' };

const noRedo = new Uint8Array();

function yes(receipt: Receipt): PrepareResult {
  return { vote: 'yes', receipt: JSON.stringify(receipt), redo: noRedo };
}

/** The receipt of what is not prepared. */
function receiptOfReady({ server, xid }: Ended): string {
  const receipt: Receipt = { ...placeOf(server, xid), crashMark: server.crashMark };
  return JSON.stringify(receipt);
}

function placeOf(server: ServerState, xid: string): Receipt {
  const { systemIdentifier, databaseOid, databaseName, timeline, lsn } = server;
  return { systemIdentifier, databaseOid, databaseName, timeline, xid, lsn };
}

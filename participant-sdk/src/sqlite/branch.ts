import { type BranchId, formatBranchId, parseGid, UnanimousError } from '@unanimous/proto';
import type { Finished, OpenBranch, PrepareResult, ReadyResult } from '../resource.ts';
import type { FileOwner, TurnedWork } from './file-owner.ts';
import { checkStatement, type StatementMethod } from './file-work.ts';
import { sqliteError } from './sqlite-error.ts';

/** What a branch needs of its file. */
export interface SqliteBranchOptions {
  readonly file: string;
  readonly owner: FileOwner;
  /** Names the file and its incarnation in the vote. */
  readonly receipt: string;
}

/** The file's part of one transaction: SQLite's one write transaction, from the first statement on. */
export class SqliteBranch implements OpenBranch {
  readonly #id: BranchId;
  readonly #options: SqliteBranchOptions;
  #state: 'open' | 'prepared' | 'ended' = 'open';
  #beginning: Promise<TurnedWork> | undefined;
  #running = 0;
  #failure: UnanimousError | undefined;

  constructor(id: BranchId, options: SqliteBranchOptions) {
    this.#id = id;
    this.#options = options;
  }

  /**
   * Runs a statement in the branch. One that fails dooms the branch.
   * @throws UnanimousError `work-after-end`, `constraint-violated`, `rm-unavailable`, and others.
   */
  async statement(
    method: StatementMethod,
    sql: string,
    parameters: readonly unknown[],
  ): Promise<unknown> {
    this.#mustBeOpen();
    if (this.#failure) throw this.#failure; // as a caller who swallowed it hears at the vote
    checkStatement(sql);
    this.#running += 1;
    try {
      this.#beginning ??= this.#options.owner.begin();
      const { work } = await this.#beginning;
      this.#mustBeOpen();
      return work.run(method, sql, parameters);
    } catch (error) {
      const { rm } = this.#id;
      const failure = sqliteError(error, this.#options.file, rm);
      this.#failure ??= failure;
      throw failure;
    } finally {
      this.#running -= 1;
    }
  }

  busy(): string | undefined {
    return this.#running > 0 ? `a statement waits for ${this.#options.file}` : undefined;
  }

  async prepare(): Promise<PrepareResult> {
    this.#mustBeOpen();
    this.#state = 'ended';
    const turned = await this.#beginning?.catch(() => undefined);
    try {
      if (this.#failure) throw this.#failure;
      if (!turned || turned.work.statements.length === 0) {
        turned?.end();
        return { vote: 'read-only' };
      }
      const { owner, receipt } = this.#options;
      owner.prepare(formatBranchId(this.#id), parseGid(this.#id.gid).logId, turned);
      this.#state = 'prepared';
      return { vote: 'yes', receipt, redo: new Uint8Array() };
    } catch (error) {
      turned?.end();
      throw sqliteError(error, this.#options.file, this.#id.rm);
    }
  }

  ready(): Promise<ReadyResult> {
    return Promise.reject(this.#noOnePhase());
  }

  commitOnePhase(): Promise<Finished> {
    return Promise.reject(this.#noOnePhase());
  }

  /** What is prepared is left to phase two: a yes may be on its way. */
  async rollback(): Promise<void> {
    if (this.#state === 'prepared') return;
    this.#state = 'ended';
    // It may still wait for its turn; nobody waits for that.
    const ending = this.#beginning?.then((turned) => turned.end()).catch(() => undefined);
    if (this.#running === 0) await ending;
  }

  #mustBeOpen(): void {
    if (this.#state === 'open') return;
    throw new UnanimousError('work-after-end', 'the branch has ended', { rm: this.#id.rm });
  }

  #noOnePhase(): UnanimousError {
    const message = `${this.#id.rm}: a file prepares always`;
    return new UnanimousError('internal', message, { rm: this.#id.rm });
  }
}

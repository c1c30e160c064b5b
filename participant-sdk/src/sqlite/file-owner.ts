import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { reason, UnanimousError } from '@unanimous/proto';
import type { Finished } from '../resource.ts';
import {
  closeConnections,
  type FileConnections,
  type FileOptions,
  openConnections,
} from './file-connections.ts';
import { markOf, placeOf } from './file-mark.ts';
import { checkStatement, FileWork, type StatementMethod } from './file-work.ts';
import { fileIdentity, hasReceipt, type NewReceipt, writeReceipt } from './receipt-rows.ts';
import { repeatBranch } from './repeat-branch.ts';
import { sqliteError, whileBusy } from './sqlite-error.ts';
import { WriterTurn } from './writer-turn.ts';

/** Work that has the writer's turn. */
export interface TurnedWork {
  readonly work: FileWork;
  /** Rolls back what is not prepared, and lets the next one write. Idempotent. */
  end(): void;
}

/** The branch that is in doubt; it keeps the turn. */
interface Held {
  readonly branch: string;
  /** Undefined after a crash, or after the disk has failed, until it is repeated. */
  work: FileWork | undefined;
  readonly release: () => void;
}

/** Facts of a decision that the file keeps. */
export type CommitFacts = Omit<NewReceipt, 'branch'>;

const owners = new Map<string, FileOwner>();

/**
 * All that one process does to one file: one writer after another, each for as long as its branch is
 * open or in doubt. All resources of a process on the same file share it.
 */
export class FileOwner {
  readonly #options: FileOptions;
  readonly #key: string;
  readonly #turn = new WriterTurn();
  /** What is open, and what gives its turn back. */
  readonly #open = new Map<TurnedWork, () => void>();
  #users = 0;
  #connections: FileConnections | undefined;
  #opening: Promise<void> | undefined;
  #held: Held | undefined;
  #repeating: Promise<FileWork | undefined> | undefined;

  private constructor(options: FileOptions, key: string) {
    this.#options = options;
    this.#key = key;
  }

  /** The owner of a file in this process; `release` gives it back. */
  static of(options: FileOptions): FileOwner {
    const key = keyOf(options.file);
    const owner = owners.get(key) ?? new FileOwner(options, key);
    owners.set(key, owner);
    owner.#users += 1;
    return owner;
  }

  /** Closes all when nobody in this process uses the file any more. */
  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    if (owners.get(this.#key) === this) owners.delete(this.#key);
    this.#drop();
  }

  /** Opens the file, or finds that it is open and the same. @throws UnanimousError. */
  async open(): Promise<FileConnections> {
    const found = this.#connections;
    if (found && (placeOf(this.#options.file) !== found.place || found.sidecar.hasFailed)) {
      this.#drop();
    }
    if (!this.#connections) {
      this.#opening ??= this.#reopen().finally(() => (this.#opening = undefined));
      await this.#opening;
    }
    return this.connections();
  }

  /** @throws UnanimousError when the file is not open, or another one stands in its place. */
  connections(): FileConnections {
    const { file } = this.#options;
    if (!this.#connections || this.#connections.sidecar.hasFailed) {
      const hint = 'It is opened again with the next scan.';
      throw new UnanimousError('rm-unavailable', `${file} is not open`, { hint });
    }
    if (placeOf(file) === this.#connections.place) return this.#connections;
    const hint = 'It is opened again as what it is now; nothing was written to it.';
    throw new UnanimousError('rm-identity-mismatch', `${file} was replaced`, { hint });
  }

  /** Waits for the turn and begins to write. @throws UnanimousError when that takes too long. */
  async begin(): Promise<TurnedWork> {
    const { file, Database, waitMs = 5_000 } = this.#options;
    const release = await this.#turn.take(waitMs, () => this.#tooLate());
    try {
      const work = await whileBusy(waitMs, () => {
        const { reader, times } = this.connections();
        reader.pragma('wal_checkpoint(TRUNCATE)'); // so that a mark can tell; as far as readers let it
        const fixed = { nowMs: Date.now(), seed: randomBytes(16) };
        return FileWork.begin({ file, Database, times, fixed });
      });
      const turned: TurnedWork = {
        work,
        end: () => {
          if (!this.#open.delete(turned)) return; // ended, or prepared
          work.end();
          release();
        },
      };
      this.#open.set(turned, release);
      return turned;
    } catch (error) {
      release();
      throw sqliteError(error, file);
    }
  }

  /** Makes a branch durable; from here on it keeps the turn until it is decided. */
  prepare(branch: string, logId: string, turned: TurnedWork): void {
    const { sidecar, reader } = this.connections();
    const release = this.#open.get(turned);
    if (!release) throw new UnanimousError('work-after-end', 'the branch has ended');
    const { work } = turned;
    work.mustBeWhole();
    work.checkDeferred();
    const { fixed, statements } = work;
    const mark = markOf(this.#options.file, reader);
    const row = { branch, logId, fixed, digest: work.digest(), mark, statements };
    // If we crash before this line, the work dies with its connection; after it, it is repeated.
    sidecar.prepare(row, Date.now());
    this.#open.delete(turned);
    this.#held = { branch, work, release };
  }

  /** Phase two. @throws anything to be asked again. */
  async commit(branch: string, rm: string, facts: CommitFacts): Promise<Finished> {
    const { sidecar } = this.connections();
    if (this.#hasCommitted(branch)) return { result: 'committed' };
    const row = sidecar.branch(branch);
    if (row?.state === 'rolled-back') return { result: 'rolled-back' };
    if (!row) return this.#unknown(`${branch} is neither prepared nor committed`, rm);
    const work = await this.#work(branch);
    const now = sidecar.branch(branch); // somebody else may have ended it meanwhile
    if (now?.state === 'broken') {
      sidecar.report(branch);
      return this.#unknown(`${branch}: ${now.why}`, rm);
    }
    if (now?.state !== 'prepared') return this.commit(branch, rm, facts);
    if (!work) throw new UnanimousError('rm-unavailable', `${branch} was not repeated yet`, { rm });
    try {
      writeReceipt(work, { branch, ...facts });
      work.commit();
    } catch (error) {
      this.#lose(); // what the disk has is looked up again
      throw sqliteError(error, this.#options.file, rm);
    }
    // If we crash here, the receipt tells, and the start removes the redo.
    this.#hasCommitted(branch);
    sidecar.forgetAborts(facts.beforeMs);
    return { result: 'committed' };
  }

  /** Phase two, of whatever is not committed. */
  abort(branch: string, logId: string): Finished {
    const { sidecar } = this.connections();
    if (this.#hasCommitted(branch)) return { result: 'committed' };
    if (sidecar.branch(branch)?.state !== 'rolled-back') {
      sidecar.rollBack(branch, logId, Date.now());
    }
    this.#letGo(branch);
    return { result: 'rolled-back' };
  }

  /** Outside of a transaction: reads what is committed, or writes at once in its turn. */
  async alone(method: StatementMethod, sql: string, parameters: readonly unknown[]) {
    checkStatement(sql);
    const { reader } = this.connections();
    const statement = reader.prepare(sql);
    if (statement.readonly) return statement[method](...parameters);
    const { file, waitMs = 5_000 } = this.#options;
    const release = await this.#turn.take(waitMs, () => this.#tooLate());
    try {
      return await whileBusy(waitMs, () => {
        const again = this.connections().reader.prepare(sql);
        return again[method](...parameters);
      });
    } catch (error) {
      throw sqliteError(error, file);
    } finally {
      release();
    }
  }

  async #reopen(): Promise<void> {
    const connections = await openConnections(this.#options);
    if (this.#users === 0) {
      closeConnections(connections); // released while it opened
      throw new UnanimousError('closed', `${this.#options.file} was closed`);
    }
    this.#connections = connections;
    const prepared = connections.sidecar.prepared();
    if (!prepared || this.#hasCommitted(prepared.branch)) return;
    // Before anybody else may write.
    const release = await this.#turn.take(0, () => this.#tooLate());
    this.#held = { branch: prepared.branch, work: undefined, release };
    await this.#work(prepared.branch).catch(() => undefined); // asked again by the decision
  }

  /** Asks the receipt; with it, what made the branch repeatable can go. */
  #hasCommitted(branch: string): boolean {
    const { sidecar, reader } = this.connections();
    if (!hasReceipt(reader, branch)) return false;
    if (sidecar.branch(branch)) sidecar.committed(branch, fileIdentity(reader)?.generation ?? 0);
    this.#letGo(branch);
    return true;
  }

  /** The work of a branch that is in doubt, repeated where it was lost. */
  async #work(branch: string): Promise<FileWork | undefined> {
    const held = this.#held;
    if (held?.branch !== branch || held.work) return held?.work;
    this.#repeating ??= this.#repeat(held).finally(() => (this.#repeating = undefined));
    return this.#repeating;
  }

  async #repeat(held: Held): Promise<FileWork | undefined> {
    const { file, Database, waitMs = 5_000 } = this.#options;
    const row = this.connections().sidecar.prepared();
    if (row?.branch !== held.branch) return undefined;
    const { fixed } = row;
    const work = await whileBusy(waitMs, () =>
      FileWork.begin({ file, Database, times: this.connections().times, fixed }),
    );
    if (this.#held !== held) {
      work.end(); // decided or closed while we waited
      return undefined;
    }
    const { reader, sidecar } = this.connections();
    const why = repeatBranch(row, work, markOf(file, reader));
    if (why === undefined) return (held.work = work);
    work.end();
    sidecar.break(row.branch, why, Date.now());
    this.#letGo(row.branch);
    return undefined;
  }

  #unknown(message: string, rm: string): Finished {
    const hint =
      'Nothing of it is in the file. Its statements are in the table unanimous_statements of the ' +
      'sidecar, if it was prepared there: repair by hand, then resolve.';
    return { result: 'unknown', reason: { ...reason('heuristic', message, rm), hint } };
  }

  /** The connection failed in the middle: it is closed, and the branch keeps its turn. */
  #lose(): void {
    if (!this.#held?.work) return;
    this.#held.work.end();
    this.#held.work = undefined;
  }

  #letGo(branch: string): void {
    if (this.#held?.branch !== branch) return;
    const { work, release } = this.#held;
    this.#held = undefined;
    work?.end();
    release();
  }

  #tooLate(): UnanimousError {
    const { file } = this.#options;
    const by = this.#held ? `${this.#held.branch}, which is in doubt` : 'another transaction';
    const hint = 'SQLite has one writer: keep transactions short. Raise waitMs, or try again.';
    return new UnanimousError('rm-unavailable', `${file} is held by ${by}`, { hint });
  }

  /** Prepared work is repeated by whoever opens the file next. */
  #drop(): void {
    for (const turned of this.#open.keys()) turned.end();
    if (this.#held) this.#letGo(this.#held.branch);
    if (this.#connections) closeConnections(this.#connections);
    this.#connections = undefined;
  }
}

/** One name for a file, by whatever path it is reached. */
function keyOf(file: string): string {
  try {
    return join(realpathSync(dirname(file)), basename(file));
  } catch {
    return file; // its folder is missing, which opening reports
  }
}

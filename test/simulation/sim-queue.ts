import Database from 'better-sqlite3';
import type { Gid } from '@unanimous/proto';
import { branchIdPrefix, parseBranchId } from '@unanimous/proto';
import {
  Sql,
  type SqliteConstructor,
  type SqliteDatabase,
  type SqliteStatement,
} from '../../participant-sdk/src/sqlite-queue/sqlite-database.ts';
import {
  type SqliteQueue,
  sqliteQueue,
} from '../../participant-sdk/src/sqlite-queue/sqlite-queue.ts';
import type { SimClock } from './clock.ts';
import type { Marks } from './marks.ts';
import type { Rates } from './plan.ts';
import type { SimProcess } from './sim-process.ts';

/** What a queue needs. */
export interface SimQueueOptions {
  readonly rm: string;
  readonly clock: SimClock;
  readonly marks: Marks;
  readonly rates: () => Rates;
  readonly keepReceiptsMs: number;
  readonly tell?: (sentence: string) => void;
}

/** There is no such file, so that nobody can move it. */
const file = '/nowhere/simulated-queue.db';

const troubles = ['dies-before', 'dies-after', 'fails', 'fails-after', 'full'] as const;
type Trouble = (typeof troubles)[number];

/**
 * A queue in a SQLite file, with the production code of it in every process, on a real SQLite. The
 * file is SQLite's memory: what is committed stays, whatever dies, as after an fsync. Its processes
 * share one connection, because no two transactions overlap in one thread.
 */
export class SimQueue {
  readonly rm: string;
  readonly #options: SimQueueOptions;
  readonly #file: SqliteDatabase = new Database(':memory:');
  readonly #sql = new Sql(this.#file);
  /** What was compiled for one process serves all: they have the same tables. */
  readonly #statements = new Map<string, SqliteStatement>();
  #wasMade = false;

  constructor(options: SimQueueOptions) {
    this.rm = options.rm;
    this.#options = options;
  }

  /** The production resource, as one process makes it. */
  resource(process: SimProcess): SqliteQueue {
    const { rm, clock, keepReceiptsMs } = this.#options;
    return sqliteQueue({
      rm,
      file,
      Database: this.#constructorFor(process),
      keepReceiptsMs,
      now: () => Math.floor(1_700_000_000_000 + clock.nowMs),
    });
  }

  /** Messages that a transaction shows, or all of them. */
  shown(gid?: string): { readonly gid: string; readonly row: number }[] {
    if (!this.#isMade) return [];
    // '0' comes right behind '/', which ends the gid.
    const [from, to] = gid === undefined ? ['', '~'] : [`${gid}/`, `${gid}0`];
    const query = 'select id, body from unanimous_messages where id >= ? and id < ?';
    return this.#sql.all<{ id: string; body: string }>(query, from, to).map(({ id, body }) => {
      return { gid: id.split('/')[0] as string, row: (JSON.parse(body) as { row: number }).row };
    });
  }

  /** Transactions with a prepared branch. */
  prepared(): Gid[] {
    if (!this.#isMade) return [];
    const query = `select branch from unanimous_branches where state = 'prepared'`;
    const branches = this.#sql.all<{ branch: string }>(query);
    return branches.flatMap(({ branch }) => parseBranchId(branch)?.gid ?? []);
  }

  /** The transaction has a prepared branch here. */
  hasPrepared(gid: string): boolean {
    if (!this.#isMade) return false;
    const query = `select 1 from unanimous_branches
      where state = 'prepared' and branch >= ? and branch < ?`;
    const prefix = `${branchIdPrefix}${gid}`;
    return this.#sql.get(query, `${prefix}.`, `${prefix}/`) !== undefined;
  }

  /** The run is over. */
  close(): void {
    this.#file.close();
  }

  get #isMade(): boolean {
    const query = `select 1 from sqlite_schema where name = 'unanimous_queue'`;
    this.#wasMade ||= this.#sql.get(query) !== undefined;
    return this.#wasMade;
  }

  #constructorFor(process: SimProcess): SqliteConstructor {
    const connect = () => this.#connection(process);
    // Called with `new`, and then gives what it returns; an arrow function cannot be.
    return function connected() {
      return connect();
    } as unknown as SqliteConstructor;
  }

  #connection(process: SimProcess): SqliteDatabase {
    const real = this.#file;
    return {
      get inTransaction() {
        return real.inTransaction;
      },
      prepare: (text) => guarded(this.#compiled(text), process),
      exec: (text) => {
        if (text === 'ROLLBACK') return real.exec(text);
        checkAlive(process);
        return text === 'COMMIT' ? this.#commit(process) : real.exec(text);
      },
      pragma: () => undefined, // of files and of other writers
      close: () => undefined,
    };
  }

  #compiled(text: string): SqliteStatement {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#file.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** The one moment at which it matters whether a process dies, or the disk fails. */
  #commit(process: SimProcess): void {
    const { marks, tell } = this.#options;
    const trouble = this.#trouble(process);
    if (trouble) tell?.(`${process.name} commits to ${this.rm}: ${trouble}`);
    if (trouble === 'dies-before') process.kill();
    if (!process.effect('rm')) {
      marks.hit('queue.crash-lost');
      throw diskError('SQLITE_IOERR', 'the process is dead');
    }
    if (trouble === 'full') throw diskError('SQLITE_FULL', 'database or disk is full');
    if (trouble === 'fails') throw diskError('SQLITE_IOERR_WRITE', 'disk I/O error');
    this.#file.exec('COMMIT');
    if (trouble === 'dies-after') process.kill();
    if (!process.effect('rm')) marks.hit('queue.crash-kept');
    if (trouble !== 'fails-after') return;
    marks.hit('queue.sync-failed');
    throw diskError('SQLITE_IOERR_FSYNC', 'disk I/O error');
  }

  #trouble({ random }: SimProcess): Trouble | undefined {
    return random.chance(this.#options.rates().failQueue) ? random.pick(troubles) : undefined;
  }
}

/** A dead process runs no statement, whatever its promises still do. */
function guarded(statement: SqliteStatement, process: SimProcess): SqliteStatement {
  return {
    run: (...parameters) => {
      checkAlive(process);
      return statement.run(...parameters);
    },
    get: (...parameters) => {
      checkAlive(process);
      return statement.get(...parameters);
    },
    all: (...parameters) => {
      checkAlive(process);
      return statement.all(...parameters);
    },
  };
}

function checkAlive(process: SimProcess): void {
  if (!process.isAlive) throw diskError('SQLITE_IOERR', 'the process is dead');
}

function diskError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

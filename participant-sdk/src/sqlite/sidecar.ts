import { type LogId, UnanimousError } from '@unanimous/proto';
import type { SeenPosition } from '../resource.ts';
import type { FileMark } from './file-mark.ts';
import type { RedoStatement } from './file-work.ts';
import type { Fixed } from './fixed-functions.ts';
import { closeQuietly, type SqliteConstructor, type SqliteDatabase } from './sqlite-database.ts';
import { isBroken } from './sqlite-error.ts';

/** What stands beside a file: who it was when it was last seen. */
export interface KnownFile {
  readonly id: string;
  readonly incarnation: string;
  /** The file has had at least so many commits of ours. */
  readonly generation: number;
  /** Its inode. */
  readonly place: string;
}

/** A prepared branch: all that repeats it, and what the file was like without it. */
export interface PreparedRow {
  readonly branch: string;
  readonly logId: string;
  readonly fixed: Fixed;
  readonly digest: string;
  readonly mark: FileMark;
  readonly statements: readonly RedoStatement[];
}

/** What is known of a branch that has not committed. */
export type BranchRow =
  | { readonly state: 'prepared' | 'rolled-back' }
  | { readonly state: 'broken'; readonly why: string };

const version = 1;

const tables = `
  create table if not exists unanimous_known (
    one integer primary key check (one = 1), version integer not null, id text not null,
    incarnation text not null, generation integer not null, place text not null
  ) strict;
  create table if not exists unanimous_branches (
    branch text primary key, log_id text not null,
    state text not null check (state in ('prepared', 'broken', 'rolled-back')),
    now_ms integer, seed blob, digest text, mark text, why text,
    reported integer not null default 0, changed_at_ms integer not null
  ) strict, without rowid;
  create table if not exists unanimous_statements (
    branch text not null, position integer not null, method text not null, sql text not null,
    parameters blob not null, primary key (branch, position)
  ) strict, without rowid;
  create table if not exists unanimous_positions (
    log_id text primary key, epoch integer not null, nonce text not null, seq integer not null,
    chain text not null
  ) strict, without rowid;`;

/** Path of the file in which a file's prepared branches stand. */
export function sidecarOf(file: string): string {
  return `${file}-unanimous`;
}

/**
 * The SQLite file beside the user's, in which a branch is made durable before its vote. Whoever has
 * it open owns the user's file: the lock lasts as long as the process and dies with it.
 */
export class Sidecar {
  readonly #database: SqliteDatabase;
  #hasFailed = false;

  private constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** @throws what SQLite says: SQLITE_BUSY while another process has it. */
  static open(file: string, Database: SqliteConstructor): Sidecar {
    const database = new Database(sidecarOf(file), { timeout: 0 });
    try {
      database.pragma('locking_mode = EXCLUSIVE'); // before the first access: kept from then on
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = FULL');
      database.exec(`begin immediate; ${tables} commit;`);
      // What a failed fsync has left in the WAL must not stand before what comes.
      database.pragma('wal_checkpoint(TRUNCATE)');
      return new Sidecar(database);
    } catch (error) {
      closeQuietly(database);
      throw error;
    }
  }

  /** True once the disk has failed: what it shows may not be what it has. Close it then. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** @throws UnanimousError when a newer version made it. */
  known(): KnownFile | undefined {
    const row = this.#get('select * from unanimous_known') as
      | (KnownFile & { readonly version: number })
      | undefined;
    if (row && row.version > version) {
      const message = `schema ${row.version} of the sidecar; this version knows ${version}`;
      const hint = 'Upgrade @unanimous/participant-sdk in this process.';
      throw new UnanimousError('rm-unavailable', message, { hint, retryable: false });
    }
    return row;
  }

  know({ id, incarnation, generation, place }: KnownFile): void {
    const sql = `insert into unanimous_known values (1, ?, ?, ?, ?, ?) on conflict do update set
      id = excluded.id, incarnation = excluded.incarnation, generation = excluded.generation,
      place = excluded.place`;
    this.#run(sql, version, id, incarnation, generation, place);
  }

  /**
   * Forces a branch and its redo: it is prepared when this returns.
   * @throws UnanimousError `not-live` when it was prepared or aborted before.
   */
  prepare({ branch, logId, fixed, digest, mark, statements }: PreparedRow, nowMs: number): void {
    this.#atOnce(() => {
      const found = this.branch(branch)?.state;
      if (found) throw new UnanimousError('not-live', `${branch} is ${found} already`);
      const insert = `insert into unanimous_branches
        (branch, log_id, state, now_ms, seed, digest, mark, changed_at_ms)
        values (?, ?, 'prepared', ?, ?, ?, ?, ?)`;
      const facts = [fixed.nowMs, fixed.seed, digest, JSON.stringify(mark), nowMs];
      this.#run(insert, branch, logId, ...facts);
      const one = 'insert into unanimous_statements values (?, ?, ?, ?, ?)';
      statements.forEach(({ method, sql, parameters }, position) =>
        this.#run(one, branch, position, method, sql, parameters),
      );
    });
  }

  branch(branch: string): BranchRow | undefined {
    const query = 'select state, why from unanimous_branches where branch = ?';
    return this.#get(query, branch) as BranchRow | undefined;
  }

  /** Branches that wait to hear their decision. */
  inDoubt(): readonly string[] {
    return this.#rows(`state = 'prepared' or (state = 'broken' and not reported)`);
  }

  /** The prepared branch; there is one at most, for SQLite has one writer. */
  prepared(): PreparedRow | undefined {
    const row = this.#get(`select * from unanimous_branches where state = 'prepared'`) as
      | BranchColumns
      | undefined;
    if (!row) return undefined;
    const query = `select method, sql, parameters from unanimous_statements where branch = ?
      order by position`;
    return {
      branch: row.branch,
      logId: row.log_id,
      fixed: { nowMs: row.now_ms, seed: row.seed },
      digest: row.digest,
      mark: JSON.parse(row.mark) as FileMark,
      statements: this.#database.prepare(query).all(row.branch) as RedoStatement[],
    };
  }

  /** Keeps a prepared branch that can't be repeated, with its statements, for an operator. */
  break(branch: string, why: string, nowMs: number): void {
    const sql = `update unanimous_branches set state = 'broken', why = ?, changed_at_ms = ?
      where branch = ?`;
    this.#run(sql, why, nowMs, branch);
  }

  /** Somebody was told that a broken branch can't follow its decision. */
  report(branch: string): void {
    this.#run('update unanimous_branches set reported = 1 where branch = ?', branch);
  }

  /** A prepared branch is done with; what the user's file says of it counts from here. */
  committed(branch: string, generation: number): void {
    this.#atOnce(() => {
      this.#forget(branch);
      this.#run('delete from unanimous_branches where branch = ?', branch);
      this.#run('update unanimous_known set generation = max(generation, ?)', generation);
    });
  }

  /** Remembers an abort, also of what never came, so that a prepare that comes late is refused. */
  rollBack(branch: string, logId: string, nowMs: number): void {
    this.#atOnce(() => this.#rollBack(branch, logId, nowMs));
  }

  /** An abort is not remembered by the log either: age bounds the prepares still on their way. */
  forgetAborts(beforeMs: number): void {
    const sql = `delete from unanimous_branches where branch in (select branch
      from unanimous_branches where state = 'rolled-back' and changed_at_ms < ? limit 2000)`;
    this.#run(sql, beforeMs);
  }

  position(logId: LogId): SeenPosition | undefined {
    const query = `select log_id as logId, epoch, nonce, seq, chain from unanimous_positions
      where log_id = ?`;
    return this.#get(query, logId) as SeenPosition | undefined;
  }

  /** An older position changes nothing. */
  remember({ logId, epoch, nonce, seq, chain }: SeenPosition): void {
    const sql = `insert into unanimous_positions values (?, ?, ?, ?, ?) on conflict do update
      set epoch = excluded.epoch, nonce = excluded.nonce, seq = excluded.seq, chain = excluded.chain
      where (excluded.epoch, excluded.seq) > (epoch, seq)`;
    this.#run(sql, logId, epoch, nonce, seq, chain);
  }

  close(): void {
    closeQuietly(this.#database);
  }

  #rollBack(branch: string, logId: string, nowMs: number): void {
    this.#forget(branch);
    const sql = `insert into unanimous_branches (branch, log_id, state, changed_at_ms)
      values (?, ?, 'rolled-back', ?) on conflict do update
      set state = 'rolled-back', why = null, changed_at_ms = excluded.changed_at_ms`;
    this.#run(sql, branch, logId, nowMs);
  }

  #rows(where: string): readonly string[] {
    const query = `select branch from unanimous_branches where ${where}`;
    const rows = this.#database.prepare(query).all() as { readonly branch: string }[];
    return rows.map(({ branch }) => branch);
  }

  #forget(branch: string): void {
    this.#run('delete from unanimous_statements where branch = ?', branch);
  }

  #atOnce(work: () => void): void {
    try {
      this.#database.exec('begin immediate');
      work();
      this.#database.exec('commit');
    } catch (error) {
      this.#hasFailed ||= isBroken(error);
      if (this.#database.inTransaction) this.#database.exec('rollback');
      throw error;
    }
  }

  #run(sql: string, ...parameters: unknown[]): void {
    try {
      this.#database.prepare(sql).run(...parameters);
    } catch (error) {
      this.#hasFailed ||= isBroken(error);
      throw error;
    }
  }

  #get(sql: string, ...parameters: unknown[]): unknown {
    return this.#database.prepare(sql).get(...parameters);
  }
}

interface BranchColumns {
  readonly branch: string;
  readonly log_id: string;
  readonly now_ms: number;
  readonly seed: Uint8Array;
  readonly digest: string;
  readonly mark: string;
}

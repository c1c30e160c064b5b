import {
  type BranchId,
  checkRmName,
  formatBranchId,
  type LogId,
  parseBranchId,
  parseGid,
  reason,
  UnanimousError,
} from '@unanimous/proto';
import type { Decided, Finished, Resource, ResourceHost, RmIdentity } from '../resource.ts';
import type { SeenPosition } from '../resource.ts';
import { SqliteBranch } from './branch.ts';
import type { FileConnections, FileOptions } from './file-connections.ts';
import { FileOwner } from './file-owner.ts';
import type { StatementMethod } from './file-work.ts';
import { hasReceipt } from './receipt-rows.ts';
import { sqliteError } from './sqlite-error.ts';

/** Settings of a SQLite file that takes part in transactions. */
export interface SqliteOptions extends FileOptions {
  /** Name of the resource manager. */
  readonly rm: string;
  /** How long receipts stay after nobody needs them; 600,000 unless told. */
  readonly keepReceiptsMs?: number;
}

/** What a statement changed. */
export interface SqliteRunResult {
  readonly changes: number;
  readonly lastInsertRowid: number | bigint;
}

/**
 * A SQLite file of yours, as a native resource. Inside a transaction statements are part of it;
 * outside they read what is committed, or write at once. All throw UnanimousError:
 * `constraint-violated`, `invalid-argument`, `transaction-control`, `rm-unavailable` when the one
 * writer's turn does not come within `waitMs`, and those of enlisting. Parameters are those of
 * better-sqlite3: values for `?`, or one object for names.
 */
export interface Sqlite extends Resource {
  /** Runs a statement that returns no rows. */
  run(sql: string, ...parameters: readonly unknown[]): Promise<SqliteRunResult>;
  /** The first row, or undefined. */
  get<Row = unknown>(sql: string, ...parameters: readonly unknown[]): Promise<Row | undefined>;
  /** All rows. */
  all<Row = unknown>(sql: string, ...parameters: readonly unknown[]): Promise<Row[]>;
}

/**
 * Makes a SQLite file a resource. It is native, and one process at a time serves a file. SQLite has
 * one writer: a transaction keeps the file from its first statement until it is decided, and
 * others wait. See docs/sqlite.md.
 */
export function sqlite(options: SqliteOptions): Sqlite {
  return new SqliteResource(options);
}

class SqliteResource implements Sqlite {
  readonly rm: string;
  readonly kind = 'native';
  readonly canOnePhase = false; // a receipt would cost the same as the sidecar's redo
  readonly #options: SqliteOptions;
  #host: ResourceHost | undefined;
  #owner: FileOwner | undefined;

  constructor(options: SqliteOptions) {
    this.rm = checkRmName(options.rm);
    const { file } = options;
    if (typeof file !== 'string' || file === '' || file.startsWith(':')) {
      const hint = 'A database in memory dies with its process, whatever was decided.';
      throw new UnanimousError('invalid-argument', 'file: not the path of a file', { hint });
    }
    this.#options = options;
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  async open(): Promise<RmIdentity> {
    this.#owner ??= FileOwner.of(this.#options);
    try {
      const { identity } = await this.#owner.open();
      return { identity: `sqlite:${identity.id}`, incarnation: identity.incarnation };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  run(sql: string, ...parameters: readonly unknown[]): Promise<SqliteRunResult> {
    return this.#ask('run', sql, parameters) as Promise<SqliteRunResult>;
  }

  get<Row>(sql: string, ...parameters: readonly unknown[]): Promise<Row | undefined> {
    return this.#ask('get', sql, parameters) as Promise<Row | undefined>;
  }

  all<Row>(sql: string, ...parameters: readonly unknown[]): Promise<Row[]> {
    return this.#ask('all', sql, parameters) as Promise<Row[]>;
  }

  async commit(id: BranchId, decided: Decided): Promise<Finished> {
    const owner = this.#opened();
    const { identity } = owner.connections();
    if (decided.receipt !== '' && decided.receipt !== identity.incarnation) return this.#other(id);
    const nowMs = Date.now();
    const { seq, lowWaterSeq } = decided;
    const beforeMs = nowMs - (this.#options.keepReceiptsMs ?? 600_000);
    const facts = { logId: parseGid(id.gid).logId, seq, lowWaterSeq, nowMs, beforeMs };
    try {
      return await owner.commit(formatBranchId(id), this.rm, facts);
    } catch (error) {
      throw sqliteError(error, this.#options.file, this.rm);
    }
  }

  async abort(id: BranchId): Promise<Finished> {
    return this.#opened().abort(formatBranchId(id), parseGid(id.gid).logId);
  }

  async settle(id: BranchId, receipt: string): Promise<Finished | { result: 'in-progress' }> {
    const { reader, sidecar, identity } = this.#connections();
    const branch = formatBranchId(id);
    if (hasReceipt(reader, branch)) return { result: 'committed' };
    if (receipt !== '' && receipt !== identity.incarnation) return this.#other(id);
    const row = sidecar.branch(branch);
    if (row?.state === 'prepared') return { result: 'in-progress' };
    return { result: 'rolled-back' };
  }

  async scan(): Promise<readonly BranchId[]> {
    const found = this.#connections().sidecar.inDoubt();
    const ids = found.flatMap((branch) => parseBranchId(branch) ?? []);
    return ids.filter(({ rm }) => rm === this.rm);
  }

  async remembered(logId: LogId): Promise<SeenPosition | undefined> {
    return this.#connections().sidecar.position(logId);
  }

  async remember(position: SeenPosition): Promise<void> {
    this.#connections().sidecar.remember(position);
  }

  async close(): Promise<void> {
    const owner = this.#owner;
    this.#owner = undefined;
    owner?.release();
  }

  async #ask(method: StatementMethod, sql: string, parameters: readonly unknown[]) {
    const owner = this.#opened();
    const { file } = this.#options;
    const receipt = owner.connections().identity.incarnation;
    const branch = this.#host?.branch((id) => new SqliteBranch(id, { file, owner, receipt }));
    if (branch) return (await branch).statement(method, sql, parameters);
    try {
      return await owner.alone(method, sql, parameters);
    } catch (error) {
      throw sqliteError(error, file, this.rm);
    }
  }

  #other(id: BranchId): Finished {
    const message = `${id.gid} was prepared in what ${this.#options.file} was before it was replaced`;
    return { result: 'unknown', reason: reason('heuristic', message, this.rm) };
  }

  #connections(): FileConnections {
    return this.#opened().connections();
  }

  #opened(): FileOwner {
    const { rm } = this;
    if (!this.#owner) throw new UnanimousError('unknown-rm', `${rm} is not served here`, { rm });
    return this.#owner;
  }
}

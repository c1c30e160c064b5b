import {
  type BranchId,
  checkRmName,
  formatBranchId,
  type LogId,
  UnanimousError,
} from '@unanimous/proto';
import type { Pool, PoolConfig } from 'pg';
import { currentTransaction } from '../participant/scope.ts';
import type {
  AuditEntry,
  Decided,
  Finished,
  Resource,
  ResourceHost,
  RmIdentity,
  SeenPosition,
} from '../resource.ts';
import { auditTable, readAudit, writeAudit } from './audit-rows.ts';
import { PostgresBranch } from './branch.ts';
import { BranchWork } from './branch-work.ts';
import { positionTable, raisePosition, readPosition } from './log-positions.ts';
import { checkServer, type OpenedServer } from './open-checks.ts';
import { openTables } from './own-tables.ts';
import { abortPrepared, commitPrepared, scanPrepared } from './phase-two.ts';
import { PhaseTwoPool } from './phase-two-pool.ts';
import { incarnationOf } from './server-state.ts';
import { settle, type Settled } from './settle.ts';
import { unavailableError } from './sqlstate.ts';
import {
  makeTransactionalPool,
  type PgModule,
  type TransactionalPool,
} from './transactional-pool.ts';

/** Options of `postgres`: its own, and those of the user's `pg.Pool`. */
export interface PostgresOptions extends PoolConfig {
  /** Name of the resource manager, the same in all processes that use this database. */
  readonly rm: string;
  /** Your own `pg` module: `import pg from 'pg'`. */
  readonly pg: PgModule;
  /**
   * Connections kept apart for phase two, opened when they are needed; 8 unless told. Each waits for
   * the disk once a commit, so they bound how many commits the disk can take together.
   */
  readonly phaseTwoConnections?: number;
}

/** A Postgres database as a resource. Give `pool` to whatever takes a `pg.Pool`. */
export interface PostgresResource extends Resource {
  readonly pool: Pool;
}

/**
 * Makes a Postgres database a resource. Its `pool` is an instance of your own `pg.Pool`: outside a
 * transaction it behaves as that does; inside one, all statements run on one connection, which the
 * commit prepares. Nothing is connected before `open` or the first query.
 * @throws UnanimousError `invalid-argument` when `rm` cannot be a name.
 */
export function postgres(options: PostgresOptions): PostgresResource {
  return new Postgres(options);
}

class Postgres implements PostgresResource {
  readonly rm: string;
  readonly kind = 'native';
  readonly canOnePhase = true;
  readonly #pools: TransactionalPool;
  readonly #phaseTwo: PhaseTwoPool;
  #host: ResourceHost | undefined;
  #opened: OpenedServer | undefined;

  constructor({ rm, pg, phaseTwoConnections = 8, ...config }: PostgresOptions) {
    this.rm = checkRmName(rm);
    this.#pools = makeTransactionalPool(pg, config, { rm, enter: () => this.#enter() });
    this.#phaseTwo = new PhaseTwoPool(pg, config, phaseTwoConnections);
  }

  get pool(): Pool {
    return this.#pools.pool;
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  async open(): Promise<RmIdentity> {
    const opened = await checkServer(this.#phaseTwo, this.rm);
    await openTables(this.#phaseTwo, [positionTable, auditTable], {
      rm: this.rm,
      role: opened.role,
    });
    this.#opened = opened;
    const { systemIdentifier, databaseName } = opened.server;
    return {
      identity: `pg:${systemIdentifier}:${databaseName}`,
      incarnation: incarnationOf(opened.server),
    };
  }

  async scan(): Promise<readonly BranchId[]> {
    return this.#ask(() => scanPrepared(this.#phaseTwo, this.rm, this.#opened?.server));
  }

  async remembered(logId: LogId): Promise<SeenPosition | undefined> {
    return this.#ask(() => readPosition(this.#phaseTwo, logId));
  }

  async remember(position: SeenPosition): Promise<void> {
    return this.#ask(() => raisePosition(this.#phaseTwo, position));
  }

  async commit(branch: BranchId, { receipt }: Decided): Promise<Finished> {
    return commitPrepared(this.#phaseTwo, branch, receipt);
  }

  async abort(branch: BranchId, receipt: string): Promise<Finished> {
    return abortPrepared(this.#phaseTwo, branch, receipt);
  }

  async settle(_branch: BranchId, receipt: string): Promise<Settled> {
    return settle(this.#phaseTwo, this.rm, receipt);
  }

  async audit(entry: AuditEntry): Promise<void> {
    return this.#ask(() => writeAudit(this.#phaseTwo, this.rm, entry));
  }

  async audited(): Promise<readonly AuditEntry[]> {
    return this.#ask(() => readAudit(this.#phaseTwo, this.rm));
  }

  async close(): Promise<void> {
    const { pool } = this.#pools;
    if (!pool.ending) await pool.end();
    await this.#phaseTwo.close();
  }

  /** The branch's work, where the caller is in a transaction. */
  #enter(): Promise<BranchWork> | undefined {
    // Without a host it would be a plain pool, and would write what no abort takes back.
    if (!this.#host && currentTransaction()) return Promise.reject(notServed(this.rm));
    try {
      const branch = this.#host?.branch((id) => this.#openBranch(id));
      return branch?.then(({ work }) => work);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #openBranch(id: BranchId): PostgresBranch {
    const { rm } = this;
    if (!this.#opened) throw new UnanimousError('rm-unavailable', `${rm} is not open`, { rm });
    const { role } = this.#opened;
    const work = new BranchWork({
      rm,
      name: formatBranchId(id),
      connect: this.#pools.connect,
      doom: (cause) => this.#host?.doom(id, cause),
    });
    return new PostgresBranch({ id, work, role, phaseTwo: this.#phaseTwo });
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw unavailableError(error, this.rm);
    }
  }
}

function notServed(rm: string): UnanimousError {
  return new UnanimousError('unknown-rm', `${rm} is not served by this process`, { rm });
}

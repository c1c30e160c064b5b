import {
  type BranchId,
  checkRmName,
  formatBranchId,
  type LogId,
  UnanimousError,
} from '@unanimous/proto';
import type { Pool, PoolOptions } from 'mysql2';
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
import { MysqlBranch } from './branch.ts';
import { BranchWork } from './branch-work.ts';
import { unavailableError } from './error-number.ts';
import { HeldBranches } from './held-branches.ts';
import {
  type DatabaseIdentity,
  identityTable,
  incarnationOf,
  readIdentity,
} from './identity-row.ts';
import { positionTable, raisePosition, readPosition } from './log-positions.ts';
import { checkServer, type OpenedServer } from './open-checks.ts';
import { openTables } from './own-tables.ts';
import {
  abortPrepared,
  commitPrepared,
  type PhaseTwo,
  scanPrepared,
  settleOnePhase,
} from './phase-two.ts';
import { PhaseTwoPool } from './phase-two-pool.ts';
import { receiptTable } from './receipt-rows.ts';
import { ReceiptSweep } from './receipt-sweep.ts';
import type { Settled } from './settle.ts';
import {
  makeTransactionalPool,
  type Mysql2Module,
  type TransactionalPool,
} from './transactional-pool.ts';
import { xidOf } from './xid.ts';

/** Options of `mysql`: its own, and those of the user's mysql2 pool. */
export interface MysqlOptions extends PoolOptions {
  /** Name of the resource manager, the same in all processes that use this database. */
  readonly rm: string;
  /** Your own module: `import mysql2 from 'mysql2'`, or `'mysql2/promise'`. */
  readonly mysql2: Mysql2Module;
  /** Connections kept apart for phase two; 2 unless told. */
  readonly phaseTwoConnections?: number;
  /** How long receipts are kept at least; ten minutes unless told. */
  readonly keepReceiptsMs?: number;
}

/**
 * A MariaDB or MySQL database as a resource. Give `pool` to whatever takes a pool of mysql2, and
 * `pool.promise()` to what takes one of `mysql2/promise`.
 */
export interface MysqlResource extends Resource {
  readonly pool: Pool;
}

/**
 * Makes a MariaDB or MySQL database a resource. Its `pool` is made by your own mysql2: outside a
 * transaction it behaves as that does; inside one, all statements run on one connection as an XA
 * transaction, which the commit prepares. Nothing is connected before `open` or the first query.
 * @throws UnanimousError `invalid-argument` when `rm` cannot be a name.
 */
export function mysql(options: MysqlOptions): MysqlResource {
  return new Mysql(options);
}

interface Opened extends OpenedServer {
  readonly identity: DatabaseIdentity;
}

class Mysql implements MysqlResource {
  readonly rm: string;
  readonly kind = 'native';
  readonly canOnePhase = true;
  readonly #pools: TransactionalPool;
  readonly #phaseTwo: PhaseTwo;
  readonly #sweep: ReceiptSweep;
  #host: ResourceHost | undefined;
  #opened: Opened | undefined;

  constructor(options: MysqlOptions) {
    const { rm, mysql2, phaseTwoConnections = 2, keepReceiptsMs = 600_000, ...config } = options;
    this.rm = checkRmName(rm);
    this.#pools = makeTransactionalPool(mysql2, { ...config }, { rm, enter: () => this.#enter() });
    const pool = new PhaseTwoPool(mysql2, { ...config }, phaseTwoConnections);
    this.#phaseTwo = { pool, held: new HeldBranches() };
    this.#sweep = new ReceiptSweep(pool, {
      keepMs: keepReceiptsMs,
      nowMs: () => performance.now(),
    });
  }

  get pool(): Pool {
    return this.#pools.pool;
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  async open(): Promise<RmIdentity> {
    const { pool } = this.#phaseTwo;
    const server = await checkServer(pool, this.rm);
    const tables = [identityTable, receiptTable, positionTable, auditTable];
    await openTables(pool, tables, { rm: this.rm, user: server.user });
    const identity = await this.#ask(() => readIdentity(pool, this.rm));
    this.#opened = { ...server, identity };
    return {
      identity: `mysql:${identity.id}:${identity.database}`,
      incarnation: incarnationOf(identity),
    };
  }

  async scan(): Promise<readonly BranchId[]> {
    const { pool } = this.#phaseTwo;
    return this.#ask(() => scanPrepared(pool, this.rm, this.#opened?.identity));
  }

  async remembered(logId: LogId): Promise<SeenPosition | undefined> {
    return this.#ask(() => readPosition(this.#phaseTwo.pool, logId));
  }

  async remember(position: SeenPosition): Promise<void> {
    return this.#ask(() => raisePosition(this.#phaseTwo.pool, position));
  }

  async commit(branch: BranchId, decided: Decided): Promise<Finished> {
    const finished = await commitPrepared(this.#phaseTwo, branch, decided.receipt);
    if (finished.result === 'committed') this.#sweep.committed(branch, decided);
    return finished;
  }

  async abort(branch: BranchId, receipt: string): Promise<Finished> {
    return abortPrepared(this.#phaseTwo, branch, receipt);
  }

  async settle(branch: BranchId, receipt: string): Promise<Settled> {
    return settleOnePhase(this.#phaseTwo, branch, receipt);
  }

  async audit(entry: AuditEntry): Promise<void> {
    return this.#ask(() => writeAudit(this.#phaseTwo.pool, this.rm, entry));
  }

  async audited(): Promise<readonly AuditEntry[]> {
    return this.#ask(() => readAudit(this.#phaseTwo.pool, this.rm));
  }

  async close(): Promise<void> {
    await this.#phaseTwo.held.close();
    await this.#sweep.whenIdle();
    await this.#pools.end();
    await this.#phaseTwo.pool.close();
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

  #openBranch(id: BranchId): MysqlBranch {
    const { rm } = this;
    if (!this.#opened) throw new UnanimousError('rm-unavailable', `${rm} is not open`, { rm });
    const { identity, rollsBackOnTimeout } = this.#opened;
    const work = new BranchWork({
      rm,
      name: formatBranchId(id),
      xid: xidOf(id),
      rollsBackOnTimeout,
      connect: this.#pools.connect,
      doom: (cause) => this.#host?.doom(id, cause),
    });
    this.#sweep.opened(id);
    return new MysqlBranch({ id, work, identity, phaseTwo: this.#phaseTwo });
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

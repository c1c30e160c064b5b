import { type BranchId, formatBranchId, type LogId, UnanimousError } from '@unanimous/proto';
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
import { type BranchPorts, PostgresBranch } from './branch.ts';
import type { BranchWork } from './branch-work.ts';
import { positionTable, raisePosition, readPosition } from './log-positions.ts';
import { checkServer, type OpenedServer } from './open-checks.ts';
import { openTables } from './own-tables.ts';
import { abortPrepared, commitPrepared, type Ending, scanPrepared } from './phase-two.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import { incarnationOf } from './server-state.ts';
import { settle, type Settled } from './settle.ts';
import { unavailableError } from './sqlstate.ts';
import type { WorkConnection } from './work-connection.ts';

/** A Postgres database as a resource, whichever driver reaches it. */
export abstract class PostgresDatabase implements Resource {
  readonly rm: string;
  readonly kind = 'native';
  readonly canOnePhase = true;
  readonly #phaseTwo: PhaseTwoPool;
  #host: ResourceHost | undefined;
  #opened: OpenedServer | undefined;
  /** What all branches need, while the server is the one that was opened. */
  #ports: BranchPorts | undefined;
  readonly #open = (id: BranchId): PostgresBranch => this.#openBranch(id);

  constructor(rm: string, phaseTwo: PhaseTwoPool) {
    this.rm = rm;
    this.#phaseTwo = phaseTwo;
  }

  /** Takes a connection for a branch. */
  protected abstract connect(): Promise<WorkConnection>;

  /** Keeps the connection on which a branch was prepared, if there is room; gives it back unless told. */
  protected park(_branch: string, connection: WorkConnection): void {
    connection.free();
  }

  /** The connection that was kept for a branch, which is the caller's then. */
  protected unpark(_branch: string): WorkConnection | undefined {
    return undefined;
  }

  /** Ends the connections in the user's hands. Idempotent. */
  protected abstract endPool(): Promise<void>;

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
    this.#ports = undefined;
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

  commit(branch: BranchId, { receipt }: Decided): Promise<Finished> {
    return commitPrepared(this.#ending(branch), branch, receipt);
  }

  async abort(branch: BranchId, receipt: string): Promise<Finished> {
    return abortPrepared(this.#ending(branch), branch, receipt);
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
    await this.endPool();
    await this.#phaseTwo.close();
  }

  /** The branch's work, where the caller is in a transaction. */
  protected enter(): BranchWork | Promise<BranchWork> | undefined {
    // Without a host it would be a plain pool, and would write what no abort takes back.
    if (!this.#host && currentTransaction()) return Promise.reject(notServed(this.rm));
    try {
      const now = this.#host?.branchNow?.(this.#open);
      if (now) return now.work;
      const branch = this.#host?.branch(this.#open);
      return branch?.then(({ work }) => work);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #ending(branch: BranchId): Ending {
    const name = formatBranchId(branch);
    return { pool: this.#phaseTwo, on: this.unpark(name), name };
  }

  #openBranch(id: BranchId): PostgresBranch {
    const { rm } = this;
    if (!this.#opened) throw new UnanimousError('rm-unavailable', `${rm} is not open`, { rm });
    const ports = (this.#ports ??= this.#makePorts(this.#opened));
    return new PostgresBranch(id, ports);
  }

  #makePorts({ role }: OpenedServer): BranchPorts {
    return {
      rm: this.rm,
      role,
      phaseTwo: this.#phaseTwo,
      connect: () => this.connect(),
      doom: (id, cause) => this.#host?.doom(id, cause),
      park: (name, connection) => this.park(name, connection),
    };
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

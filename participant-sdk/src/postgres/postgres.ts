import { checkRmName } from '@unanimous/proto';
import type { Pool, PoolClient, PoolConfig } from 'pg';
import type { Resource } from '../resource.ts';
import { PhaseTwoPool } from './phase-two-pool.ts';
import { PostgresDatabase } from './postgres-database.ts';
import {
  makeTransactionalPool,
  type PgModule,
  type TransactionalPool,
} from './transactional-pool.ts';
import type { WorkConnection } from './work-connection.ts';

/** Options of `postgres`: its own, and those of the user's `pg.Pool`. */
export interface PostgresOptions extends PoolConfig {
  /** Name of the resource manager, the same in all processes that use this database. */
  readonly rm: string;
  /** Your own `pg` module: `import pg from 'pg'`. */
  readonly pg: PgModule;
  /**
   * Connections kept apart for phase two, opened when they are needed; 8 unless told. Each waits for
   * the disk once a commit, so they bound how many commits the disk can take together. Twice as many while
   * more than 64 statements wait, if the server has room.
   */
  readonly phaseTwoConnections?: number;
}

/** A Postgres database as a resource. Give `pool` to whatever takes a `pg.Pool`. */
export interface PostgresResource extends Resource {
  readonly pool: Pool;
  /**
   * A client over the connection of the caller's branch, for builders with a pool of another kind:
   * give it back with `release()`. Undefined outside any transaction.
   */
  readonly lease: () => Promise<PoolClient> | undefined;
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

class Postgres extends PostgresDatabase implements PostgresResource {
  readonly #pools: TransactionalPool;

  constructor({ rm, pg, phaseTwoConnections = 8, ...config }: PostgresOptions) {
    super(checkRmName(rm), new PhaseTwoPool(pg, config, phaseTwoConnections));
    this.#pools = makeTransactionalPool(pg, config, { rm, enter: () => this.enter() });
  }

  get pool(): Pool {
    return this.#pools.pool;
  }

  get lease(): () => Promise<PoolClient> | undefined {
    return this.#pools.lease;
  }

  protected override connect(): Promise<WorkConnection> {
    return this.#pools.connect();
  }

  protected override park(branch: string, connection: WorkConnection): void {
    this.#pools.park(branch, connection);
  }

  protected override unpark(branch: string): WorkConnection | undefined {
    return this.#pools.unpark(branch);
  }

  protected override async endPool(): Promise<void> {
    if (!this.pool.ending) await this.pool.end();
  }
}

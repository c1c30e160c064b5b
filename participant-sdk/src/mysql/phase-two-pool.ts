import type { Pool, PoolConnection, PoolOptions } from 'mysql2';
import { createPool, endPool, type Mysql2Module } from './transactional-pool.ts';
import { WorkConnection, type WorkResult } from './work-connection.ts';

/**
 * Connections for what must go on while open branches hold all of the user's pool. One that saw an
 * error of the network is closed.
 */
export class PhaseTwoPool {
  readonly #pool: Pool;

  constructor(mysql2: Mysql2Module, config: PoolOptions, connections: number) {
    this.#pool = createPool(mysql2, {
      idleTimeout: 60_000,
      connectTimeout: 10_000,
      ...config,
      waitForConnections: true,
      queueLimit: 0,
      connectionLimit: connections,
      maxIdle: connections,
      multipleStatements: false,
      namedPlaceholders: false,
      resetOnRelease: false,
    });
  }

  /** Runs one statement by itself. */
  async run(sql: string, values?: readonly unknown[]): Promise<WorkResult> {
    const connection = await this.#connect();
    try {
      return await connection.query(sql, values);
    } finally {
      connection.free();
    }
  }

  /** Closes the connections; idempotent. */
  close(): Promise<void> {
    return endPool(this.#pool);
  }

  #connect(): Promise<WorkConnection> {
    return new Promise((resolve, reject) => {
      this.#pool.getConnection((error, client: PoolConnection | undefined) =>
        client ? resolve(new WorkConnection(client)) : reject(error),
      );
    });
  }
}

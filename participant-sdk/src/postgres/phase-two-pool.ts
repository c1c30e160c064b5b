import { failpoint } from '@unanimous/proto';
import type { Pool, PoolClient, PoolConfig } from 'pg';
import type { PgModule } from './transactional-pool.ts';
import { WorkConnection, type WorkResult } from './work-connection.ts';

/** The answer to one statement, with the warnings that came with it. */
export interface PhaseTwoAnswer {
  /** First word of the command tag. */
  readonly command: string | null;
  readonly rows: readonly Record<string, unknown>[];
  readonly warnings: readonly string[];
}

const sessionSettings = `
  SELECT pg_catalog.set_config('synchronous_commit',
      CASE pg_catalog.current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
    pg_catalog.set_config('client_min_messages', 'warning', false)`;

/**
 * Connections for what must go on while open branches hold all of the user's pool: the commits that
 * would free it. One that saw an error is closed.
 */
export class PhaseTwoPool {
  readonly #pool: Pool;
  readonly #settled = new WeakSet<PoolClient>();

  constructor(pg: PgModule, config: PoolConfig, connections: number) {
    this.#pool = new pg.Pool({
      // An unanswered commit is asked again, so it need not hold a connection for ever.
      connectionTimeoutMillis: 10_000,
      query_timeout: 30_000,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      ...config,
      application_name: `${config.application_name ?? 'unanimous'} phase two`.slice(0, 63),
      max: connections,
      min: 0,
    });
    this.#pool.on('error', () => {});
  }

  /** Runs one statement outside any transaction block. */
  async run(sql: string, values?: readonly unknown[]): Promise<PhaseTwoAnswer> {
    const connection = await this.#connect();
    try {
      if (!this.#settled.has(connection.client)) await connection.query(sessionSettings);
      this.#settled.add(connection.client);
      const answer = connection.queryWithWarnings(sql, values);
      failpoint('p.phase-two.sent', sql);
      const { results, warnings } = await answer;
      const last = results.at(-1) as WorkResult;
      if (warnings.length > 0) connection.spoil();
      return { command: last.command, rows: last.rows, warnings };
    } finally {
      connection.free();
    }
  }

  /** Closes the connections; idempotent. */
  async close(): Promise<void> {
    if (!this.#pool.ending) await this.#pool.end();
  }

  #connect(): Promise<WorkConnection> {
    return new Promise((resolve, reject) => {
      this.#pool.connect((error, client) =>
        client ? resolve(new WorkConnection(client)) : reject(error),
      );
    });
  }
}

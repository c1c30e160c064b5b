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

/** So many statements that wait are a crowd: branches in doubt, when a coordinator is back. */
const crowd = 64;

/**
 * Connections for what must go on while open branches hold all of the user's pool: the commits that
 * would free it. One that saw an error is closed. Each waits for the disk once a statement, so while a
 * crowd waits there are twice as many; a server that has no room for these is not asked again.
 */
export class PhaseTwoPool {
  readonly #pool: Pool;
  readonly #forCrowds: Pool;
  /** An unanswered commit is asked again, so it need not hold a connection for ever. */
  readonly #queryTimeoutMs: number;
  #running = 0;
  #isForCrowds = false;
  #hasRoom = true;
  readonly #settled = new WeakSet<PoolClient>();

  constructor(pg: PgModule, config: PoolConfig, connections: number) {
    this.#queryTimeoutMs = config.query_timeout ?? 30_000;
    const make = (idleTimeoutMillis: number): Pool => {
      const pool = new pg.Pool({
        connectionTimeoutMillis: 10_000,
        query_timeout: this.#queryTimeoutMs,
        idleTimeoutMillis,
        keepAlive: true,
        ...config,
        application_name: `${config.application_name ?? 'unanimous'} phase two`.slice(0, 63),
        max: connections,
        min: 0,
      });
      pool.on('error', () => {});
      return pool;
    };
    this.#pool = make(60_000);
    this.#forCrowds = make(1_000);
  }

  /** Runs one statement outside any transaction block. */
  async run(sql: string, values?: readonly unknown[]): Promise<PhaseTwoAnswer> {
    this.#running += 1;
    try {
      const connection = await this.#connect();
      try {
        if (!this.#settled.has(connection.client)) await connection.query(sessionSettings);
      } catch (error) {
        connection.free();
        throw error;
      }
      this.#settled.add(connection.client);
      return await answerOf(connection, sql, values);
    } finally {
      this.#running -= 1;
    }
  }

  /** As `run`, of what has no rows, on a client whose settings are right; gives it back. */
  runOn(connection: WorkConnection, sql: string): Promise<PhaseTwoAnswer> {
    return new Promise((resolve, reject) => {
      connection.command(
        sql,
        (answer, warnings) => {
          if (warnings.length > 0) connection.spoil();
          connection.free();
          if (answer instanceof Error) reject(answer);
          else resolve({ command: answer.commands[0] ?? null, rows: [], warnings });
        },
        this.#queryTimeoutMs,
      );
      hasLeft(sql);
    });
  }

  /** Closes the connections; idempotent. */
  async close(): Promise<void> {
    const pools = [this.#pool, this.#forCrowds].filter((pool) => !pool.ending);
    await Promise.all(pools.map((pool) => pool.end()));
  }

  #connect(): Promise<WorkConnection> {
    if (this.#running <= crowd || !this.#hasRoom) return connect(this.#pool);
    this.#isForCrowds = !this.#isForCrowds;
    if (!this.#isForCrowds) return connect(this.#pool);
    return connect(this.#forCrowds).catch(() => {
      this.#hasRoom = false;
      return connect(this.#pool);
    });
  }
}

function hasLeft(sql: string): void {
  failpoint('p.phase-two.sent', sql);
}

function connect(pool: Pool): Promise<WorkConnection> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => (client ? resolve(new WorkConnection(client)) : reject(error)));
  });
}

/** Runs one statement, and gives the connection back. */
async function answerOf(
  connection: WorkConnection,
  sql: string,
  values?: readonly unknown[],
): Promise<PhaseTwoAnswer> {
  try {
    const answer = connection.queryWithWarnings(sql, values);
    hasLeft(sql);
    const { results, warnings } = await answer;
    const last = results.at(-1) as WorkResult;
    if (warnings.length > 0) connection.spoil();
    return { command: last.command, rows: last.rows, warnings };
  } finally {
    connection.free();
  }
}

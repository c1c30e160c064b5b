import { checkRmName } from '@unanimous/proto';
import type { Resource } from '../resource.ts';
import { PhaseTwoPool } from './phase-two-pool.ts';
import { PostgresDatabase } from './postgres-database.ts';
import type { PostgresJs, PostgresJsSql } from './postgres-js-driver.ts';
import { asPgModule, PostgresJsPool } from './postgres-js-pool.ts';
import { transactionalSql } from './postgres-js-sql.ts';
import { WorkConnection } from './work-connection.ts';

/** Options of `postgresJs`. */
export interface PostgresJsOptions<S extends PostgresJsSql> {
  /** Name of the resource manager, the same in all processes that use this database. */
  readonly rm: string;
  /** Your own postgres.js: `import postgres from 'postgres'`. */
  readonly postgres: PostgresJs;
  /** What it made: `postgres(url, options)`. */
  readonly sql: S;
  /** Connections kept apart for phase two; 8 unless told. */
  readonly phaseTwoConnections?: number;
}

/** A Postgres database as a resource. Use its `sql` in place of the one that was given. */
export interface PostgresJsResource<S extends PostgresJsSql> extends Resource {
  readonly sql: S;
}

/**
 * Makes a Postgres database that is reached with postgres.js a resource. Outside a transaction its
 * `sql` is the one that was given; inside one, all queries run on one connection, which the commit
 * prepares. Branches have connections of their own, as many as the `max` of that `sql`.
 * @throws UnanimousError `invalid-argument` when `rm` cannot be a name.
 */
export function postgresJs<S extends PostgresJsSql>(
  options: PostgresJsOptions<S>,
): PostgresJsResource<S> {
  return new PostgresJsDatabase(options);
}

class PostgresJsDatabase<S extends PostgresJsSql>
  extends PostgresDatabase
  implements PostgresJsResource<S>
{
  readonly sql: S;
  readonly #given: S;
  readonly #pool: PostgresJsPool;

  constructor({ rm, postgres, sql, phaseTwoConnections = 8 }: PostgresJsOptions<S>) {
    const source = { postgres, options: sql.options };
    const name = sql.options.connection.application_name as string | undefined;
    const config = name === undefined ? {} : { application_name: name };
    super(checkRmName(rm), new PhaseTwoPool(asPgModule(source), config, phaseTwoConnections));
    const connectionTimeoutMillis = sql.options.connect_timeout * 1_000;
    this.#pool = new PostgresJsPool(source, { max: sql.options.max, connectionTimeoutMillis });
    this.#given = sql;
    this.sql = transactionalSql(sql, { rm, enter: () => this.enter() });
  }

  protected override connect(): Promise<WorkConnection> {
    return new Promise((resolve, reject) => {
      this.#pool.connect((error, client) =>
        client ? resolve(new WorkConnection(client as never)) : reject(error),
      );
    });
  }

  protected override async endPool(): Promise<void> {
    await this.#pool.end();
    await this.#given.end({ timeout: 5 });
  }
}

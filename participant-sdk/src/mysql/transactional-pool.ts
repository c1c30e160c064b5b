import { AsyncResource } from 'node:async_hooks';
import { UnanimousError } from '@unanimous/proto';
import type { Pool, PoolConnection, PoolOptions } from 'mysql2';
import type { BranchWork } from './branch-work.ts';
import { type CreateQuery, type LeaseSource, makeLease, runExecute, runQuery } from './lease.ts';
import { excerpt } from './parsed-sql.ts';
import { WorkConnection } from './work-connection.ts';

/** What is needed of the user's own `mysql2` or `mysql2/promise` module. */
export interface Mysql2Module {
  createPool(config: PoolOptions): object;
}

/** The pool in the user's hands, and the way past it for branches. */
export interface TransactionalPool {
  readonly pool: Pool;
  /** Takes a real connection, whatever transaction the caller is in. */
  readonly connect: () => Promise<WorkConnection>;
  end(): Promise<void>;
}

/** What the pool has to know of the transaction that its caller is in. */
export interface PoolScope {
  readonly rm: string;
  /** The work of the caller's branch; undefined outside any transaction. */
  enter(): Promise<BranchWork> | undefined;
}

type ConnectCallback = (error: Error | null, connection?: PoolConnection) => void;

/** The pool of mysql2's callback API, which that of its promise API wraps. */
export function createPool(mysql2: Mysql2Module, config: PoolOptions): Pool {
  const made = mysql2.createPool(config) as Pool & { pool?: Pool };
  return made.pool ?? made;
}

/**
 * Makes a pool by the user's own mysql2. Outside a transaction it is that pool; inside one,
 * getConnection(), query() and execute() work on the branch's one connection, and so does whatever
 * its promise() gives.
 */
export function makeTransactionalPool(
  mysql2: Mysql2Module,
  config: PoolOptions,
  scope: PoolScope,
): TransactionalPool {
  const pool = createPool(mysql2, config);
  const own = {
    getConnection: pool.getConnection.bind(pool) as (callback: ConnectCallback) => void,
    query: pool.query.bind(pool) as (...args: unknown[]) => unknown,
    execute: pool.execute.bind(pool) as (...args: unknown[]) => unknown,
  };
  const { connectionConfig } = (pool as unknown as { config: { connectionConfig: unknown } })
    .config;
  const baseQuery: unknown = Reflect.get(pool, 'query');
  let createQuery: CreateQuery | undefined = (mysql2 as { createQuery?: CreateQuery }).createQuery;
  const source = (work: Promise<BranchWork>): LeaseSource => {
    createQuery ??= createQueryOf(pool, baseQuery);
    return { work, rm: scope.rm, createQuery, config: connectionConfig, lease: undefined };
  };

  const branching = {
    getConnection(callback: ConnectCallback) {
      const entered = scope.enter();
      if (!entered) return own.getConnection(callback);
      const bound = AsyncResource.bind(callback);
      entered
        .then(async (work) => makeLease((await work.connect()).client, work, source(entered)))
        .then(
          (lease) => process.nextTick(bound, null, lease),
          (error: Error) => process.nextTick(bound, error),
        );
    },
    query(...args: unknown[]) {
      const entered = scope.enter();
      if (!entered) return own.query(...args);
      return runQuery(source(namingSql(entered, args[0])), args);
    },
    execute(...args: unknown[]) {
      const entered = scope.enter();
      if (!entered) return own.execute(...args);
      return runExecute(source(namingSql(entered, args[0])), args);
    },
  };
  Object.assign(pool, branching);

  // A socket made inside a transaction would carry it into every callback it ever calls.
  const outside = new AsyncResource('unanimous.mysql.pool');
  const connect = () =>
    new Promise<WorkConnection>((resolve, reject) => {
      outside.runInAsyncScope(() => {
        const done: ConnectCallback = (error, client) =>
          client ? resolve(new WorkConnection(client)) : reject(error);
        own.getConnection(done);
      });
    });
  return { pool, connect, end: () => endPool(pool) };
}

/** Ends a pool; one that has ended already is left alone. */
export function endPool(pool: Pool): Promise<void> {
  // No public sign of it; a second end() would end its connections once more.
  if (Reflect.get(pool, '_closed') === true) return Promise.resolve();
  return new Promise((resolve) => {
    pool.end(() => resolve()); // what fails here was lost already
  });
}

/** mysql2/promise does not export it. */
function createQueryOf(pool: Pool, query: unknown): CreateQuery {
  // The base pool makes the command first and only then asks for a connection.
  return (sql, values, callback) => {
    const stage = Object.assign(Object.create(pool) as Pool, { getConnection() {} });
    return (query as (...args: unknown[]) => never).call(stage, sql, values, callback);
  };
}

/** The runtime knows that the transaction is over, but not what came too late. */
function namingSql(entered: Promise<BranchWork>, statement: unknown): Promise<BranchWork> {
  return entered.catch((error: unknown) => {
    if (!(error instanceof UnanimousError) || error.code !== 'work-after-end') throw error;
    const text =
      typeof statement === 'string' ? statement : (statement as { sql?: unknown } | null)?.sql;
    if (typeof text !== 'string') throw error;
    const { code, message, hint, gid, rm } = error;
    const details = { hint, cause: error, ...(gid && { gid }), ...(rm && { rm }) };
    throw new UnanimousError(code, `${message}: ${excerpt(text)}`, details);
  });
}

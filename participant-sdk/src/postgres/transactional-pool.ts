import { AsyncResource } from 'node:async_hooks';
import { UnanimousError } from '@unanimous/proto';
import type { Pool, PoolClient, PoolConfig } from 'pg';
import type { BranchWork } from './branch-work.ts';
import { callBack, makeLease, runQuery } from './lease.ts';
import { ParkedConnections } from './parked-connections.ts';
import { excerpt } from './parsed-sql.ts';
import { WorkConnection } from './work-connection.ts';

/** What is needed of the user's own `pg` module. */
export interface PgModule {
  readonly Pool: new (config?: PoolConfig) => Pool;
}

/** The pool in the user's hands, and the way past it for branches. */
export interface TransactionalPool {
  readonly pool: Pool;
  /** A client over the connection of the caller's branch; undefined outside any transaction. */
  readonly lease: () => Promise<PoolClient> | undefined;
  /** Takes a real connection, whatever transaction the caller is in. */
  readonly connect: () => Promise<WorkConnection>;
  /** Keeps the connection of a prepared branch, unless somebody waits for it. */
  readonly park: (branch: string, connection: WorkConnection) => void;
  /** A connection that was kept for the branch, if it is still there. */
  readonly unpark: (branch: string) => WorkConnection | undefined;
}

/** What the pool has to know of the transaction that its caller is in. */
export interface PoolScope {
  readonly rm: string;
  /** The work of the caller's branch; undefined outside any transaction. */
  enter(): BranchWork | Promise<BranchWork> | undefined;
}

type ConnectCallback = (
  error: Error | undefined,
  client?: PoolClient,
  release?: (error?: Error | boolean) => void,
) => void;

/**
 * Makes a pool of a subclass of the user's `pg.Pool`. Outside a transaction it is that pool; inside
 * one, connect() and query() work on the branch's one connection.
 */
export function makeTransactionalPool(
  { Pool: UserPool }: PgModule,
  config: PoolConfig,
  scope: PoolScope,
): TransactionalPool {
  const lease = (): Promise<PoolClient> | undefined => {
    const entered = scope.enter();
    if (entered instanceof Promise) return entered.then((work) => makeLease(work, scope.rm));
    return entered && makeLease(entered, scope.rm);
  };

  class BranchingPool extends UserPool {
    override connect(callback?: any): any {
      const leased = lease();
      if (!leased) {
        makeRoom();
        return super.connect(callback);
      }
      return callBack(leased, callback && withRelease(callback));
    }

    override query(...args: any[]): any {
      const entered = scope.enter();
      if (!entered) return super.query(...(args as [string]));
      return queryInBranch(entered, scope.rm, args);
    }

    override end(callback?: any): any {
      parked.close();
      return super.end(callback);
    }
  }

  const parked = new ParkedConnections();
  const pool = new BranchingPool(config);
  /** Nobody waits for what is only kept. */
  const makeRoom = (): void => {
    const isShort = pool.idleCount <= pool.waitingCount && pool.totalCount >= pool.options.max;
    if (isShort) parked.yieldOne();
  };
  // Without a listener a connection that dies while idle would end the process.
  pool.on('error', () => {});
  // A socket made inside a transaction would carry it into every callback it ever calls.
  const outside = new AsyncResource('unanimous.postgres.pool');
  const connect = () =>
    new Promise<WorkConnection>((resolve, reject) => {
      outside.runInAsyncScope(() => {
        makeRoom();
        UserPool.prototype.connect.call(pool, (error: Error | undefined, client?: PoolClient) =>
          client ? resolve(new WorkConnection(client)) : reject(error),
        );
      });
    });
  return {
    pool,
    lease,
    connect,
    park: (branch, connection) =>
      pool.waitingCount > 0 ? connection.free() : parked.park(branch, connection),
    unpark: (branch) => parked.take(branch),
  };
}

/** A pool's callback gets the client's release as well. */
function withRelease(callback: ConnectCallback) {
  return (error: Error | null, client?: unknown) => {
    const lease = client as PoolClient | undefined;
    callback(error ?? undefined, lease, (broken) => lease?.release(broken));
  };
}

function queryInBranch(
  entered: BranchWork | Promise<BranchWork>,
  rm: string,
  args: readonly unknown[],
) {
  const [config, valuesOrCallback, lastCallback] = args;
  const isValues = typeof valuesOrCallback !== 'function';
  const callback = lastCallback ?? (isValues ? undefined : valuesOrCallback);
  const values = isValues ? valuesOrCallback : undefined;
  if (!(entered instanceof Promise) && !callback && isPlain(config)) {
    return runQuery({ work: entered, rm, lease: entered, isPooled: true }, [config, values]);
  }
  const result = Promise.resolve(entered).then(
    (work) =>
      new Promise((resolve, reject) => {
        const settle = (error: unknown, value: unknown) => (error ? reject(error) : resolve(value));
        // All of the branch's pool.query() together are one lease: none of them holds anything.
        runQuery({ work, rm, lease: work, isPooled: true }, [config, values, settle]);
      }),
    (error: unknown) => Promise.reject(namingSql(error, config)),
  );
  return callBack(result, callback as Parameters<typeof callBack>[1]);
}

/** A text, or one with its options; not what pg runs by itself, nor what has a callback. */
function isPlain(config: unknown): boolean {
  if (typeof config === 'string') return true;
  const { submit, callback } = (config ?? { submit: true }) as Record<string, unknown>;
  return submit === undefined && callback === undefined;
}

/** The runtime knows that the transaction is over, but not what came too late. */
export function namingSql(error: unknown, config: unknown): unknown {
  if (!(error instanceof UnanimousError) || error.code !== 'work-after-end') return error;
  const text = typeof config === 'string' ? config : (config as { text?: unknown } | null)?.text;
  if (typeof text !== 'string') return error;
  const { code, message, hint, gid, rm } = error;
  const details = { hint, cause: error, ...(gid && { gid }), ...(rm && { rm }) };
  return new UnanimousError(code, `${message}: ${excerpt(text)}`, details);
}

import { UnanimousError } from '@unanimous/proto';
import type { PoolClient } from 'pg';
import type { Statement } from './branch-transaction.ts';
import type { BranchWork } from './branch-work.ts';
import type { LeaseKey } from '../sql/inner-transactions.ts';
import type { Unit } from './one-write.ts';
import { excerpt, type ParsedSql, parseSql } from './parsed-sql.ts';
import type { Submittable, WorkConnection } from './work-connection.ts';

type Callback = (error: Error | null, result?: unknown) => void;

/** Where a statement comes from. */
export interface LeaseSource {
  readonly work: BranchWork;
  readonly rm: string;
  readonly lease: LeaseKey;
  readonly isPooled: boolean;
}

/**
 * A client as the user's pool hands it out, over the branch's one connection: its statements wait
 * their turn, and giving it back leaves the connection with the branch. Several may exist at once.
 */
export async function makeLease(work: BranchWork, rm: string): Promise<PoolClient> {
  const connection = await work.connect();
  connection.share();
  const { client } = connection;
  const lease: LeaseKey = {};
  let isReleased = false;
  const giveUp = (why: string) => work.doom('branch-doomed', why);
  const own: Record<PropertyKey, unknown> = {
    query: (...args: unknown[]) => runQuery({ work, rm, lease, isPooled: false }, args),
    release(error?: unknown) {
      if (isReleased) {
        throw new Error('Release called on client which has already been released to the pool.');
      }
      isReleased = true;
      if (error) giveUp(`the connection was released as broken: ${messageOf(error)}`);
    },
    end(callback?: () => void) {
      giveUp('the connection was ended by client.end()');
      return callback ? process.nextTick(callback) : Promise.resolve();
    },
  };
  const proxy: PoolClient = new Proxy(client, {
    get(target, key) {
      if (Object.hasOwn(own, key)) return own[key];
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function' || key === 'constructor') return value;
      return (...args: unknown[]) => {
        const result: unknown = Reflect.apply(value, target, args);
        // client.on(…) and its like return the client: nobody shall get past the queue by that.
        return result === target ? proxy : result;
      };
    },
    // Builders note on a client whose it is: what one lease notes is no other's.
    set: (_target, key, value) => Reflect.set(own, key, value),
  });
  return proxy;
}

/** Runs a query in any of the forms that pg's `client.query` takes. */
export function runQuery(source: LeaseSource, args: readonly unknown[]): unknown {
  const [config, valuesOrCallback, lastCallback] = args;
  if (config === null || config === undefined) {
    throw new TypeError('Client was passed a null or undefined query');
  }
  const isValues = typeof valuesOrCallback !== 'function';
  const callback = (lastCallback ?? (isValues ? undefined : valuesOrCallback)) as
    | Callback
    | undefined;
  if (isSubmittable(config)) return submit(source, config, callback);

  const { text, callback: own } = config as { text?: unknown; callback?: Callback };
  const sql = parseSql(typeof config === 'string' ? config : typeof text === 'string' ? text : '');
  const values = isValues ? valuesOrCallback : undefined;
  const run = source.work.execute(new PgStatement(sql, source, config, values));
  return callBack(run, callback ?? own);
}

/** A statement in pg's own form. */
class PgStatement implements Statement {
  readonly sql: ParsedSql;
  readonly lease: LeaseKey;
  readonly isPooled: boolean;
  readonly #config: unknown;
  readonly #values: unknown;

  constructor(sql: ParsedSql, { lease, isPooled }: LeaseSource, config: unknown, values: unknown) {
    this.sql = sql;
    this.lease = lease;
    this.isPooled = isPooled;
    this.#config = config;
    this.#values = values;
  }

  run(connection: WorkConnection): Promise<unknown> {
    return connection.query(this.#config, this.#values);
  }

  runTogether(connection: WorkConnection, unit: Unit): Promise<unknown> | undefined {
    return connection.queryTogether(unit, this.#config, this.#values);
  }
}

/** Gives a promise's outcome to a callback in pg's manner: what the callback throws is uncaught. */
export function callBack(promise: Promise<unknown>, callback: Callback | undefined): unknown {
  if (!callback) return promise;
  promise.then(
    (result) => process.nextTick(callback, null, result),
    (error: Error) => process.nextTick(callback, error),
  );
  return undefined;
}

function submit(
  { work, rm, lease, isPooled }: LeaseSource,
  query: Submittable,
  callback?: Callback,
) {
  const text = query.text ?? query.cursor?.text;
  const sql = parseSql(text ?? '');
  if (text === undefined || sql.control.kind !== 'plain') {
    const what = `a ${query.constructor.name}${text === undefined ? ' without text' : ''}`;
    const message = `${rm}: ${what} cannot run in a branch: ${excerpt(text ?? '')}`;
    throw new UnanimousError('transaction-control', message, { rm });
  }
  const slot = query as { callback?: Callback };
  if (callback) slot.callback ??= callback;
  // Errors of the query go to the query itself; here end those of a query that never began.
  work
    .execute({ sql, lease, isPooled, run: (connection, ended) => connection.submit(query, ended) })
    .catch((error: Error) => query.handleError(error));
  return query;
}

function isSubmittable(config: unknown): config is Submittable {
  return typeof (config as Submittable).submit === 'function';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'release(true)';
}

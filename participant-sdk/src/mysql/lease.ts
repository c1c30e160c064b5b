import { AsyncResource } from 'node:async_hooks';
import { UnanimousError } from '@unanimous/proto';
import type { PoolConnection } from 'mysql2';
import type { BranchWork } from './branch-work.ts';
import type { LeaseKey } from '../sql/inner-transactions.ts';
import { parseSql } from './parsed-sql.ts';
import type { Command } from './work-connection.ts';

/** mysql2's own way from the arguments of `query` to a command. */
export type CreateQuery = (
  sql: unknown,
  values: unknown,
  callback: unknown,
  config: unknown,
) => Command;

/** Where a statement comes from. */
export interface LeaseSource {
  /** Resolves with the work of the caller's branch. */
  readonly work: Promise<BranchWork>;
  readonly rm: string;
  readonly createQuery: CreateQuery;
  readonly config: unknown;
  /** Undefined for what came by pool.query(): all of it together is one lease, of the work. */
  readonly lease: LeaseKey | undefined;
}

/**
 * A connection as the user's pool hands it out, over the branch's one connection: its statements wait
 * their turn, and giving it back leaves the connection with the branch. Several may exist at once.
 */
export function makeLease(
  client: PoolConnection,
  work: BranchWork,
  source: Omit<LeaseSource, 'work' | 'lease'>,
): PoolConnection {
  const from: LeaseSource = { ...source, work: Promise.resolve(work), lease: {} };
  const giveUp = (why: string) => work.doom('branch-doomed', why);
  const refuse =
    (what: string) =>
    (...args: unknown[]) => {
      const callback = args.find((arg) => typeof arg === 'function');
      const message = `${source.rm}: ${what} cannot be used in a branch: use query() or execute()`;
      const error = new UnanimousError('transaction-control', message, { rm: source.rm });
      if (!callback) throw error;
      process.nextTick(callback, error);
    };
  const own: Record<PropertyKey, unknown> = {
    query: (...args: unknown[]) => runQuery(from, args),
    execute: (...args: unknown[]) => runExecute(from, args),
    beginTransaction: (callback: unknown) => runQuery(from, ['START TRANSACTION', callback]),
    commit: (callback: unknown) => runQuery(from, ['COMMIT', callback]),
    rollback: (callback: unknown) => runQuery(from, ['ROLLBACK', callback]),
    // Either would roll the branch back and leave no trace of it; a handle would pass the queue by.
    reset: refuse('reset()'),
    changeUser: refuse('changeUser()'),
    prepare: refuse('prepare()'),
    release() {},
    [Symbol.dispose]() {},
    destroy: () => giveUp('the connection was ended by connection.destroy()'),
    // Of a pooled connection it means release(), and drizzle's iterators end with it.
    end(callback?: () => void) {
      if (callback) process.nextTick(callback);
    },
    promise: () => promiseOf(client, lease),
  };
  const lease: PoolConnection = new Proxy(client, {
    get(target, key) {
      if (Object.hasOwn(own, key)) return own[key];
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function' || key === 'constructor') return value;
      return (...args: unknown[]) => {
        const result: unknown = Reflect.apply(value, target, args);
        // connection.on(…) and its like return the client: nobody gets past the queue by that.
        return result === target ? lease : result;
      };
    },
    // Builders mark connections as theirs; the next lease shall not find the mark.
    set(_, key, value) {
      own[key] = value;
      return true;
    },
  });
  return lease;
}

/** Runs a query in any of the forms that mysql2's `query` takes; gives the command, as that does. */
export function runQuery(source: LeaseSource, args: readonly unknown[]): Command {
  const command = commandOf(source, args);
  const { work, lease } = source;
  const sql = parseSql(command.sql);
  work
    .then((branch) =>
      branch.execute({
        sql,
        lease: lease ?? branch,
        isPooled: lease === undefined,
        run: (connection, ended) => connection.submit(command, ended),
        answer: (error, result) => answer(command, error, result),
      }),
    )
    .catch((error: Error) => answer(command, error));
  return command;
}

/** As `runQuery`, for `execute`. */
export function runExecute(source: LeaseSource, args: readonly unknown[]): Command {
  const relay = commandOf(source, args);
  const { work, lease } = source;
  const [first] = args;
  const base = typeof first === 'object' && first !== null ? first : {};
  const options = { ...base, sql: relay.sql, values: relay.values };
  work
    .then((branch) =>
      branch.execute({
        sql: parseSql(relay.sql),
        lease: lease ?? branch,
        isPooled: lease === undefined,
        run: (connection, ended) => connection.execute(options, relay, ended),
        answer: (error, result) => answer(relay, error, result),
      }),
    )
    .catch((error: Error) => answer(relay, error));
  return relay;
}

function commandOf({ createQuery, config }: LeaseSource, args: readonly unknown[]): Command {
  const [sql, values, callback] = args;
  if (sql === null || sql === undefined)
    throw new TypeError('query was called without a statement');
  const isCommand = typeof (sql as Command).on === 'function' && typeof sql === 'object';
  const command = isCommand ? (sql as Command) : createQuery(sql, values, callback, config);
  // The driver calls back from its socket, which knows nothing of the caller's transaction.
  if (command.onResult) command.onResult = AsyncResource.bind(command.onResult);
  return command;
}

/** Answers a command that was never sent, as the driver would. */
function answer(command: Command, error: Error | null, result?: unknown): void {
  process.nextTick(() => {
    if (command.onResult) command.onResult(error, result, undefined);
    else if (error) command.emit('error', error);
    else command.emit('result', result);
    command.emit('end');
  });
}

function promiseOf(client: PoolConnection, lease: PoolConnection): unknown {
  const Wrapper = client.promise().constructor as new (connection: PoolConnection) => unknown;
  return new Wrapper(lease);
}

import { UnanimousError } from '@unanimous/proto';
import type { BranchWork } from './branch-work.ts';
import type { LeaseKey } from '../sql/inner-transactions.ts';
import { excerpt, parseSql } from './parsed-sql.ts';
import type { PostgresJsClient } from './postgres-js-client.ts';
import {
  type PostgresJsQuery,
  type PostgresJsResult,
  type PostgresJsSql,
  textOfQuery,
} from './postgres-js-driver.ts';
import { namingSql, type PoolScope } from './transactional-pool.ts';

type Body = (sql: any) => unknown;

/** Where queries go: to a branch, on a lease of its connection. */
interface Route {
  readonly work: BranchWork;
  readonly lease: LeaseKey;
  readonly isPooled: boolean;
  /** Hears of what failed, though the user may catch it. */
  readonly failed?: (error: unknown) => void;
}

/**
 * The user's `sql`, with one difference: what is awaited inside a transaction runs on the
 * connection of the branch, and `begin` is a savepoint there. Fragments, helpers, `values()`,
 * `cursor()` and the like are postgres.js' own.
 */
export function transactionalSql<S extends PostgresJsSql>(sql: S, scope: PoolScope): S {
  const routeOf = () => {
    const entered = scope.enter();
    if (!entered) return undefined;
    const route = (work: BranchWork): Route => ({ work, lease: work, isPooled: true });
    return Promise.resolve(entered).then(route);
  };
  const own = {
    begin: async (first: string | Body, second?: Body) => {
      const modes = typeof first === 'string' ? first : '';
      const body = (second ?? first) as Body;
      const entered = scope.enter();
      if (!entered) return sql.begin(modes, (tx: object) => body(withoutPrepare(tx, scope.rm)));
      // As postgres.js does, so that nothing but modes gets into the text.
      const text = `BEGIN ${modes.replaceAll(/[^a-z ]/gi, '')}`;
      return new InnerSql(sql, scope.rm, await entered).run(body, [text, 'COMMIT', 'ROLLBACK']);
    },
    reserve: async () => {
      const entered = scope.enter();
      if (!entered) return sql.reserve();
      const inner = new InnerSql(sql, scope.rm, await entered);
      return inner.facade({ release: () => undefined });
    },
  };
  return facadeOf(sql, scope.rm, routeOf, own) as S;
}

/** A transaction of `sql.begin` inside a branch. */
class InnerSql {
  readonly #sql: PostgresJsSql;
  readonly #rm: string;
  readonly #work: BranchWork;
  readonly #lease: LeaseKey = {};
  #savepoints = 0;

  constructor(sql: PostgresJsSql, rm: string, work: BranchWork) {
    this.#sql = sql;
    this.#rm = rm;
    this.#work = work;
  }

  /** Runs the body between `begin` and its end; what failed in it undoes it, caught or not. */
  async run(body: Body, [begin, end, undo]: readonly [string, string, string]): Promise<unknown> {
    let uncaught: unknown;
    const failed = (error: unknown) => {
      uncaught ??= error;
    };
    await this.#control(begin);
    let result: unknown;
    try {
      const given = await body(this.#transaction(failed));
      result = await (Array.isArray(given) ? Promise.all(given) : given);
      if (uncaught !== undefined) throw uncaught;
    } catch (error) {
      await this.#control(undo);
      throw error;
    }
    await this.#control(end);
    return result;
  }

  /** A `sql` whose queries go to the branch, wherever they are awaited. */
  facade(own: object, failed?: (error: unknown) => void): unknown {
    const route = {
      work: this.#work,
      lease: this.#lease,
      isPooled: false,
      ...(failed && { failed }),
    };
    const rest = { begin: undefined, reserve: undefined };
    return facadeOf(this.#sql, this.#rm, () => Promise.resolve(route), { ...rest, ...own });
  }

  #transaction(failed: (error: unknown) => void): unknown {
    const savepoint = (first: string | Body, second?: Body) => {
      const label = typeof first === 'string' ? `_${first}` : '';
      const name = `"s${(this.#savepoints += 1)}${label.replaceAll('"', '""')}"`;
      const texts = [`SAVEPOINT ${name}`, `RELEASE ${name}`, `ROLLBACK TO ${name}`] as const;
      return this.run((second ?? first) as Body, texts);
    };
    return this.facade({ savepoint, prepare: () => refusePrepare(this.#rm) }, failed);
  }

  #control(text: string): Promise<unknown> {
    const run: Parameters<BranchWork['execute']>[0]['run'] = (it) => it.query(text);
    return this.#work.execute({ sql: parseSql(text), lease: this.#lease, isPooled: false, run });
  }
}

/** `routeOf` is asked when a query is awaited; undefined: it goes where it would go anyway. */
function facadeOf(
  sql: PostgresJsSql,
  rm: string,
  routeOf: () => Promise<Route> | undefined,
  own: object,
): unknown {
  const routed = <Q>(query: Q): Q => {
    if (isQuery(query)) sendBy(query, rm, routeOf);
    return query;
  };
  const all: Record<PropertyKey, unknown> = {
    unsafe: (text: string, ...rest: unknown[]) => routed(sql.unsafe(text, ...rest)),
    notify: async (channel: string, payload: string) =>
      routed(sql`select pg_notify(${channel}, ${payload})`),
    file: (...args: unknown[]) => {
      const routing = routeOf();
      if (!routing) return sql.file(...args);
      routing.catch(() => undefined);
      const hint = 'Read the file yourself, and run it with sql.unsafe(text).';
      throw new UnanimousError('transaction-control', `${rm}: sql.file() in a branch`, {
        rm,
        hint,
      });
    },
    ...own,
  };
  return new Proxy(sql, {
    apply: (target, _this, args) => routed(Reflect.apply(target, undefined, args)),
    get: (target, key) => (Object.hasOwn(all, key) ? all[key] : Reflect.get(target, key, target)),
  });
}

function isQuery(value: unknown): value is PostgresJsQuery {
  return typeof (value as Partial<PostgresJsQuery> | null)?.handler === 'function';
}

function sendBy(
  query: PostgresJsQuery,
  rm: string,
  routeOf: () => Promise<Route> | undefined,
): void {
  const ordinary = query.handler;
  const send = () => {
    const routing = routeOf();
    if (!routing) return ordinary(query);
    return routing
      .catch((error: unknown) => {
        throw namingSql(error, textOfQuery(query));
      })
      .then((route) => runOn(route, query, rm))
      .catch((error: unknown) => query.reject(error));
  };
  query.handler = Object.assign(send, { debug: ordinary.debug });
}

async function runOn({ work, lease, isPooled, failed }: Route, query: PostgresJsQuery, rm: string) {
  const text = textOfQuery(query);
  try {
    if (query.streaming) {
      const hint = 'Copy outside the transaction, or insert rows: sql`insert into … ${sql(rows)}`.';
      const message = `${rm}: COPY cannot run in a branch: ${excerpt(text)}`;
      throw new UnanimousError('transaction-control', message, { rm, hint });
    }
    let hasRun = false;
    const answer = await work.execute({
      sql: parseSql(text),
      lease,
      isPooled,
      run: async (connection, ended) => {
        hasRun = true;
        const client = connection.client as unknown as PostgresJsClient;
        await connection.drive(() => client.run(query, ended, failed));
      },
    });
    // Something else stood for it, or nothing had to.
    if (!hasRun) query.resolve(emptyResult((answer as { command: string }).command));
  } catch (error) {
    failed?.(error);
    throw error;
  }
}

function emptyResult(command: string): PostgresJsResult {
  return Object.assign([], { command, count: 0, columns: [] });
}

function withoutPrepare(tx: object, rm: string): object {
  return Object.assign(tx, { prepare: () => refusePrepare(rm) });
}

/** postgres.js pastes the name into the text, and waits for ever when Postgres refuses it. */
function refusePrepare(rm: string): never {
  const hint =
    'Leave it out: inside tm.transaction() the branch is prepared when all participants are asked ' +
    'for their votes.';
  throw new UnanimousError('transaction-control', `${rm}: sql.prepare() is refused`, { rm, hint });
}

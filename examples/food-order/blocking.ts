import { performance } from 'node:perf_hooks';
import type { TransactionClient } from '@unanimous/participant-sdk';
import type pg from 'pg';

/** A prepared branch in one of the databases: it holds locks until it hears the decision. */
interface PreparedBranch {
  readonly rm: string;
  readonly branchId: string;
  readonly gid: string;
}

/** What was blocked at one moment. */
export interface Blocked {
  readonly branches: readonly PreparedBranch[];
  /** Locks on tables and rows that the prepared branches hold, by table. */
  readonly locks: ReadonlyMap<string, number>;
  /** Dishes that nobody can order at this moment. */
  readonly lockedDishes: number;
}

const preparedQuery = `
  select gid from pg_prepared_xacts
  where database = current_database() and gid like 'un1.%'`;

// A prepared transaction's locks have no process; its virtual transaction is -1/xid.
const locksQuery = `
  select relname as table, count(*)::int as locks
  from pg_locks join pg_class on pg_class.oid = relation and relkind = 'r'
    and relation >= 16384
  where pid is null and database = (
    select oid from pg_database where datname = current_database())
  group by 1`;

// What a writer finds locked now; it does not wait for it.
const lockedDishesQuery = `
  select count(*)::int - (
    select count(*)::int from (select from stock for update skip locked) as free
  ) as locked
  from stock`;

/** Looks into the databases from outside, as an operator with psql would. */
export class Onlooker {
  readonly #databases: ReadonlyMap<string, pg.Pool>;

  constructor(databases: ReadonlyMap<string, pg.Pool>) {
    this.#databases = databases;
  }

  /** Prepared branches in all databases that answer. */
  async prepared(): Promise<PreparedBranch[]> {
    return (await this.#prepared()).flatMap((database) => database.branches ?? []);
  }

  /** Prepared branches with their locks, and what a writer finds locked. */
  async blocked(): Promise<Blocked> {
    const [branches, locks, dishes] = await Promise.all([
      this.prepared(),
      this.#ask(locksQuery),
      this.#ask(lockedDishesQuery, 'stock-db'),
    ]);
    const lockRows = locks.flatMap(({ rows = [] }) => rows);
    return {
      branches,
      locks: new Map(lockRows.map((row) => [String(row.table), Number(row.locks)])),
      lockedDishes: Number(dishes[0]?.rows?.[0]?.locked ?? 0),
    };
  }

  /** Waits until none of these branches is prepared any more; answers how long that took. */
  async untilResolved(branches: readonly PreparedBranch[], sinceMs: number): Promise<number> {
    for (;;) {
      const databases = await this.#prepared();
      const isOpen = ({ rm, branchId }: PreparedBranch) => {
        const now = databases.find((database) => database.rm === rm)?.branches;
        return now === undefined || now.some((branch) => branch.branchId === branchId);
      };
      if (!branches.some(isOpen)) return performance.now() - sinceMs;
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }

  /** By database; no branches where the server does not answer. */
  async #prepared(): Promise<{ rm: string; branches: PreparedBranch[] | undefined }[]> {
    const databases = await this.#ask(preparedQuery);
    return databases.map(({ rm, rows }) => {
      const branches = rows?.map((row) => {
        const branchId = String(row.gid);
        const [, gid = ''] = branchId.split('.');
        return { rm, branchId, gid };
      });
      return { rm, branches };
    });
  }

  #ask(
    sql: string,
    only?: string,
  ): Promise<{ rm: string; rows: Record<string, unknown>[] | undefined }[]> {
    const wanted = [...this.#databases].filter(([rm]) => only === undefined || rm === only);
    const asked = wanted.map(async ([rm, pool]) => {
      try {
        const { rows } = await pool.query<Record<string, unknown>>(sql);
        return { rm, rows };
      } catch {
        return { rm, rows: undefined }; // this server was killed
      }
    });
    return Promise.all(asked);
  }
}

/** How one in-doubt transaction ended. */
export interface Resolved {
  readonly gid: string;
  readonly outcome: string;
  readonly rms: readonly string[];
}

/** How the transactions of these branches ended, as their coordinator answers. */
export function outcomesOf(
  tm: TransactionClient,
  branches: readonly PreparedBranch[],
): Promise<Resolved[]> {
  const gids = [...new Set(branches.map((branch) => branch.gid))];
  return Promise.all(
    gids.map(async (gid) => {
      const rms = branches.filter((branch) => branch.gid === gid).map((branch) => branch.rm);
      return { gid, outcome: (await tm.outcome(gid)).outcome, rms };
    }),
  );
}

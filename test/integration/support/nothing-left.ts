import type pg from 'pg';
import { expect } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import type { Admin } from '../../../examples/support/admin.ts';

/** Where something could be left behind. */
export interface Premises {
  readonly admin: Admin;
  /** Onlookers' pools, one for each database. */
  readonly databases: readonly pg.Pool[];
  /** Pools of the services. */
  readonly pools: readonly pg.Pool[];
}

// Prepared transactions hold their locks without a process.
const leftInDatabase = `
  select 'prepared: ' || gid as what from pg_prepared_xacts
  union all
  select state || ': ' || left(query, 80) from pg_stat_activity
  where backend_type = 'client backend' and application_name <> 'onlooker'
    and (state = 'active' or state like 'idle in transaction%')
  union all
  select 'lock: ' || locktype || ' ' || coalesce(relation::regclass::text, '') || ' ' || mode
  from pg_locks l left join pg_stat_activity a using (pid)
  where l.pid is null
    or (a.backend_type = 'client backend' and a.application_name <> 'onlooker')`;

/**
 * Waits until nothing of any transaction is left: none prepared, no lock, no connection in a
 * transaction, all pools free, none open or unfinished at the coordinator. Fails with what is left.
 */
export async function expectNothingLeft(premises: Premises): Promise<void> {
  let left: string[] = [];
  const look = async () => {
    left = await leftovers(premises);
    return left.length === 0;
  };
  await waitUntil(look, { what: 'nothing to be left', timeoutMs: 6_000 }).catch(() => undefined);
  expect(left).toEqual([]);
}

async function leftovers({ admin, databases, pools }: Premises): Promise<string[]> {
  const inDatabases = databases.map(async (database) => {
    const { rows } = await database.query<{ what: string }>(leftInDatabase);
    return rows.map(({ what }) => what);
  });
  const inPools = pools.flatMap(({ totalCount, idleCount, waitingCount }, index) => {
    const isFree = totalCount === idleCount && waitingCount === 0;
    return isFree ? [] : [`pool ${index}: ${totalCount} taken, ${waitingCount} wait`];
  });
  const open = await admin.list();
  return [
    ...(await Promise.all(inDatabases)).flat(),
    ...inPools,
    ...open.map(({ gid, state }) => `coordinator: ${gid} ${state}`),
  ];
}

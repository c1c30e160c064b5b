import { postgres } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import { startPostgres } from '../../servers/postgres.ts';
import { type Effect, type Found, type ResourceCase, sharedKey } from '../support/resource-case.ts';
import { hasClient, queryPostgres, runClient } from '../support/run-client.ts';

/** Each transaction inserts a row, and updates one that it shares with others. */
export const resourceCase: ResourceCase<{ readonly connectionString: string }> = {
  title: 'Postgres',
  module: import.meta.url,
  reader: 'psql',
  promised: { parts: 2, repeats: 'none', order: 'none', stays: 'last' },
  isPresent: () => hasClient('psql'),

  async start(parts) {
    const server = parts.use(await startPostgres());
    const url = await server.createDatabase('entries');
    const columns = '(n int, part int, gid text, key text unique)';
    runClient('psql', [url, '-Xq', '-c', `create table entries ${columns}`]);
    return {
      settings: { connectionString: url },
      server,
      read: async () => queryPostgres<RowFound>(url, 'select * from entries').map(withoutNull),
      async prepared() {
        const sql = 'select gid from pg_prepared_xacts where database = current_database()';
        return queryPostgres<{ gid: string }>(url, sql).map(({ gid }) => gid);
      },
    };
  },

  async serve(tm, rm, { connectionString }) {
    const { pool } = await tm.serve(postgres({ rm, pg, connectionString, max: 12 }));
    return async ({ n, part, gid }: Effect) => {
      const key = part === 0 ? null : sharedKey(n);
      const update = 'on conflict (key) do update set n = excluded.n, gid = excluded.gid';
      await pool.query(`insert into entries values ($1, $2, $3, $4) ${update}`, [
        n,
        part,
        gid,
        key,
      ]);
    };
  },
};

interface RowFound extends Effect {
  readonly key: string | null;
}

/** A row as what was found: SQL's null is no key. */
function withoutNull({ key, ...row }: RowFound): Found {
  return key === null ? row : { ...row, key };
}

import { mysql } from '@unanimous/participant-sdk/mysql';
import mysql2, { type PoolOptions } from 'mysql2';
import { hasMariadb, startMariadb } from '../../servers/mariadb.ts';
import { type Effect, type ResourceCase, sharedKey } from '../support/resource-case.ts';

/** Each transaction inserts a row, and updates one that it shares with others. */
export const resourceCase: ResourceCase<PoolOptions> = {
  title: 'MariaDB',
  module: import.meta.url,
  reader: 'mariadb',
  promised: { parts: 2, repeats: 'none', order: 'none', stays: 'last' },
  isPresent: hasMariadb,

  async start(parts) {
    const server = parts.use(await startMariadb({ settings: { log_bin: 'binlog' } }));
    const columns = '(n int, part int, gid varchar(64), place varchar(64) unique)';
    server.client(`CREATE DATABASE ledger; CREATE TABLE ledger.entries ${columns} ENGINE=InnoDB`);
    return {
      settings: server.options('ledger'),
      server,
      async read() {
        const rows = server.client('SELECT n, part, gid, place FROM entries', 'ledger');
        return rows.split('\n').slice(0, -1).map(foundIn);
      },
      prepared: async () => server.client('XA RECOVER').split('\n').slice(0, -1),
    };
  },

  async serve(tm, rm, settings) {
    // What it gives back to the pool is reset: a prepared connection must never be among it.
    const pooled = { ...settings, connectionLimit: 12, resetOnRelease: true };
    const { pool } = await tm.serve(mysql({ rm, mysql2, ...pooled }));
    return async ({ n, part, gid }: Effect) => {
      const place = part === 0 ? null : sharedKey(n);
      const update = 'ON DUPLICATE KEY UPDATE n = VALUES(n), gid = VALUES(gid)';
      const sql = `INSERT INTO entries VALUES (?, ?, ?, ?) ${update}`;
      await pool.promise().query(sql, [n, part, gid, place]);
    };
  },
};

function foundIn(line: string) {
  const [n, part, gid = '', key = 'NULL'] = line.split('\t');
  return { n: Number(n), part: Number(part), gid, ...(key !== 'NULL' && { key }) };
}

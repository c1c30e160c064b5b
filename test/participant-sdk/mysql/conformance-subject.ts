import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { mysql, type MysqlResource } from '@unanimous/participant-sdk/mysql';
import { type BranchId, formatBranchId } from '@unanimous/proto';
import mysql2, { type PoolOptions } from 'mysql2';
import { waitUntil } from '../../support/wait-until.ts';
import { sourceArgv } from '../support/source-argv.ts';

/** A table in MariaDB, read and ended by hand by plain mysql2. */
export function conformanceSubject(options: PoolOptions): ConformanceSubject<MysqlResource> {
  const pool = mysql2.createPool({ ...options, connectionLimit: 1 }).promise();
  const insert = 'INSERT INTO conformance (`key`, text) VALUES (?, ?)';
  return {
    kind: 'native',
    make: (rm) => mysql({ rm, mysql2, ...options }),
    write: ({ pool: ours }, key, text) => ours.promise().query(insert, [key, text]),
    async read(key) {
      const [rows] = await pool.query('SELECT text FROM conformance WHERE `key` = ? ORDER BY id', [
        key,
      ]);
      return (rows as { text: string }[]).map(({ text }) => text);
    },
    look: ({ pool: ours }) => ours.promise().query('SELECT count(*) FROM conformance'),
    // A statement that fails takes back itself alone; what no rollback takes back is refused.
    fail: ({ pool: ours }) => ours.promise().query('INSERT INTO plain VALUES (1)'),
    byHand: {
      commit: (id) => byHand('COMMIT', id),
      rollBack: (id) => byHand('ROLLBACK', id),
    },
    async foreign() {
      const connection = await pool.getConnection();
      await connection.query("XA START 'un1.x','y'");
      await connection.query("INSERT INTO conformance (`key`, text) VALUES ('x', 'x')");
      for (const verb of ['END', 'PREPARE']) await connection.query(`XA ${verb} 'un1.x','y'`);
      return async () => {
        await connection.query("XA ROLLBACK 'un1.x','y'");
        connection.release();
      };
    },
    child: { module: import.meta.url, input: options, execArgv: sourceArgv },
    close: () => pool.end(),
  };

  /** As an operator does it, once the session that prepared has ended. */
  async function byHand(verb: 'COMMIT' | 'ROLLBACK', id: BranchId): Promise<void> {
    const name = formatBranchId(id);
    const half = `un1.${id.gid}.${id.branch}`.length;
    const xa = `XA ${verb} '${name.slice(0, half)}','${name.slice(half + 1)}'`;
    const end = () =>
      pool.query(xa).then(
        () => true,
        () => false,
      );
    await waitUntil(end, { what: `${xa} by hand` });
  }
}

/** The tables that the subject writes to. */
export const conformanceTables = `CREATE TABLE conformance (\`key\` varchar(40) NOT NULL,
    text longtext NOT NULL, id bigint AUTO_INCREMENT PRIMARY KEY, INDEX (\`key\`)) ENGINE=InnoDB;
  CREATE TABLE plain (a int) ENGINE=MyISAM`;

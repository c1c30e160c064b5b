import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { postgres, type PostgresResource } from '@unanimous/participant-sdk/postgres';
import { formatBranchId } from '@unanimous/proto';
import pg from 'pg';
import { sourceArgv } from '../support/source-argv.ts';

/** A table in Postgres, read and ended by hand by plain `pg`. */
export function conformanceSubject(connectionString: string): ConformanceSubject<PostgresResource> {
  const pool = new pg.Pool({ connectionString, max: 1 });
  pool.on('error', () => {});
  const insert = 'INSERT INTO conformance (key, text) VALUES ($1, $2)';
  return {
    kind: 'native',
    make: (rm) => postgres({ rm, pg, connectionString }),
    write: ({ pool: ours }, key, text) => ours.query(insert, [key, text]),
    async read(key) {
      const sql = 'SELECT text FROM conformance WHERE key = $1 ORDER BY id';
      const { rows } = await pool.query<{ text: string }>(sql, [key]);
      return rows.map(({ text }) => text);
    },
    look: ({ pool: ours }) => ours.query('SELECT count(*) FROM conformance'),
    fail: ({ pool: ours }) => ours.query(insert, [null, 'no key']),
    byHand: {
      commit: (id) => pool.query(`COMMIT PREPARED '${formatBranchId(id)}'`),
      rollBack: (id) => pool.query(`ROLLBACK PREPARED '${formatBranchId(id)}'`),
    },
    async foreign() {
      await pool.query(
        "BEGIN; INSERT INTO conformance VALUES ('x', 'x'); PREPARE TRANSACTION 'un1.x'",
      );
      return () => pool.query("ROLLBACK PREPARED 'un1.x'");
    },
    child: { module: import.meta.url, input: connectionString, execArgv: sourceArgv },
    close: () => pool.end(),
  };
}

/** The table that the subject writes to. */
export const conformanceTable =
  'CREATE TABLE conformance (key text NOT NULL, text text NOT NULL, id bigserial)';

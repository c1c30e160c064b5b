import { fc } from '../../support/fast-check.ts';
import pg from 'pg';
import { expect } from 'vitest';
import { splitStatements } from '../../../participant-sdk/src/postgres/sql-statements.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { startPostgres } from '../../servers/postgres.ts';

const pieces = [
  ...['select 1', 'select', '1', ';', ';', "'", "'", "''", "E'", "e'", '\\', '\\', '"a"', '"'],
  ...["; select '", "'; select 2", '; select 3', '; select $$', "; select e'", '; --\n', "\n'"],
  ...['--', '\n', ' ', '/*', '*/', '$$', '$a$', '$', 'a', 'as b', ',', 'x', "U&'", '.5', '1e3'],
];

serverOrSkip('postgres').test(
  'Postgres cuts texts where we do, under both readings of a backslash',
  async () => {
    await using server = await startPostgres();
    const client = new pg.Client(server.url());
    await client.connect();
    let acceptedCount = 0;
    let severalCount = 0;
    for (const setting of ['on', 'off']) {
      await client.query(`SET standard_conforming_strings = ${setting}`);
      await client.query('SET escape_string_warning = off');
      const text = fc.array(fc.constantFrom(...pieces), { maxLength: 10 });
      const property = fc.asyncProperty(text, async (parts) => {
        const sql = `select 1 ${parts.join('')}`;
        const results = await client.query(sql).then(
          (found) => [found].flat(),
          () => undefined,
        );
        if (!results) return; // Postgres runs none of it
        acceptedCount += 1;
        severalCount += Number(results.length > 1);
        const statements = splitStatements(sql, setting === 'off');
        expect(statements.length, sql).toBe(results.length);
      });
      await fc.assert(property, { numRuns: 3_000 });
    }
    await client.end();
    expect(acceptedCount).toBeGreaterThan(500);
    expect(severalCount).toBeGreaterThan(50);
  },
  60_000,
);

import postgres from 'postgres';
import { postgresJs } from '../../../../participant-sdk/src/postgres/index.ts';
import { ResourceFixture } from '../branches.ts';
import { type Builder, type SetUp, type Statements } from './builder.ts';

type Sql = postgres.Sql | postgres.TransactionSql;

/** A resource over postgres.js, with few connections, so that a leak shows. */
export async function postgresJsFixture(url: string, options: postgres.Options<{}> = {}) {
  const sql = postgres(url, { max: 2, connect_timeout: 2, onnotice: () => {}, ...options });
  return new ResourceFixture(postgresJs({ rm: 'orders', postgres, sql })).open();
}

function statements(sql: Sql): Statements {
  return {
    insert: async (id, name) => sql`INSERT INTO dishes ${sql([{ id, name }])}`,
    rename: async (id, name) => sql`UPDATE dishes SET ${sql({ name })} WHERE id = ${id}`,
    names: async () => {
      const table = sql`dishes`;
      return (await sql`SELECT name FROM ${table} ORDER BY ${sql('id')}`).map((row) => row['name']);
    },
    raw: async (text) => sql.unsafe(text),
    value: async (text) => (await sql.unsafe(text))[0]?.['value'],
    nested: (work) =>
      (sql as postgres.TransactionSql).savepoint((inner) => work(statements(inner))),
  };
}

/** postgres.js: tagged templates, fragments, helpers, begin and savepoint. */
export const postgresJsSql: SetUp = async (url) => {
  const fixture = await postgresJsFixture(url);
  const { sql } = fixture.resource;
  const builder: Builder = {
    ...statements(sql),
    transaction: (work, isolation) =>
      isolation
        ? sql.begin(`isolation level ${isolation}`, (tx) => work(statements(tx)))
        : sql.begin((tx) => work(statements(tx))),
  };
  return { fixture, builder };
};

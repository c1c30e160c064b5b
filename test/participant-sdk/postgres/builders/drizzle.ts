import { asc, eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { drizzle as drizzleJs } from 'drizzle-orm/postgres-js';
import { integer, type PgDatabase, pgTable, text } from 'drizzle-orm/pg-core';
import { type Builder, overPool, type SetUp, type Statements } from './builder.ts';
import { postgresJsFixture } from './postgres-js.ts';

const dishes = pgTable('dishes', { id: integer('id').primaryKey(), name: text('name').notNull() });
const schema = { dishes };

type Db = PgDatabase<any, typeof schema>;

function statements(db: Db): Statements {
  return {
    insert: (id, name) => db.insert(dishes).values({ id, name }),
    rename: (id, name) => db.update(dishes).set({ name }).where(eq(dishes.id, id)),
    names: async () => {
      // The relational form of its queries.
      const rows = await db.query.dishes.findMany({ orderBy: asc(dishes.id) });
      return rows.map((row) => row.name);
    },
    raw: async (query) => db.execute(sql.raw(query)),
    value: async (query) => {
      // node-postgres gives pg's result, postgres.js the rows themselves.
      const result = await db.execute(sql.raw(query));
      return (result.rows ?? result)[0]?.value;
    },
    nested: (work) => db.transaction((inner) => work(statements(inner))),
  };
}

function builderOf(db: Db): Builder {
  return {
    ...statements(db),
    transaction: (work, isolationLevel) =>
      db.transaction((tx) => work(statements(tx)), isolationLevel ? { isolationLevel } : undefined),
  };
}

/** drizzle over the pool. */
export const drizzleOnPool = overPool(({ pool }) => builderOf(drizzle({ client: pool, schema })));

/** drizzle over the `sql` of postgres.js. */
export const drizzleOnPostgresJs: SetUp = async (url) => {
  const fixture = await postgresJsFixture(url);
  return { fixture, builder: builderOf(drizzleJs({ client: fixture.resource.sql, schema })) };
};

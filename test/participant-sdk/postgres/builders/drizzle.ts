import { asc, eq, sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { overPool, type Statements } from './builder.ts';

const dishes = pgTable('dishes', { id: integer('id').primaryKey(), name: text('name').notNull() });
const schema = { dishes };

function statements(db: NodePgDatabase<typeof schema>): Statements {
  return {
    insert: (id, name) => db.insert(dishes).values({ id, name }),
    rename: (id, name) => db.update(dishes).set({ name }).where(eq(dishes.id, id)),
    names: async () => {
      // The relational form of its queries.
      const rows = await db.query.dishes.findMany({ orderBy: asc(dishes.id) });
      return rows.map((row) => row.name);
    },
    raw: async (query) => db.execute(sql.raw(query)),
    value: async (query) => (await db.execute<{ value: unknown }>(sql.raw(query))).rows[0]?.value,
    nested: (work) => db.transaction((inner) => work(statements(inner))),
  };
}

/** drizzle over the pool. */
export const drizzleOnPool = overPool(({ pool }) => {
  const db = drizzle({ client: pool, schema });
  return {
    ...statements(db),
    transaction: (work, isolationLevel) =>
      db.transaction((tx) => work(statements(tx)), isolationLevel ? { isolationLevel } : undefined),
  };
});

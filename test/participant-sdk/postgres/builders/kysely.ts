import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { bySavepoint, overPool, type Statements } from './builder.ts';

interface Database {
  readonly dishes: { id: number; name: string };
}

function statements(db: Kysely<Database>): Statements {
  const raw = (text: string) => sql.raw(text).execute(db);
  return {
    insert: (id, name) => db.insertInto('dishes').values({ id, name }).execute(),
    rename: (id, name) => db.updateTable('dishes').set({ name }).where('id', '=', id).execute(),
    names: async () => {
      const rows = await db.selectFrom('dishes').select('name').orderBy('id').execute();
      return rows.map((row) => row.name);
    },
    raw,
    value: async (text) => (await sql.raw<{ value: unknown }>(text).execute(db)).rows[0]?.value,
    nested: (work) => bySavepoint(raw, () => work(statements(db))),
  };
}

/** kysely, whose dialect takes the pool. */
export const kysely = overPool(({ pool }) => {
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  return {
    ...statements(db),
    transaction(work, isolation) {
      const transaction = isolation
        ? db.transaction().setIsolationLevel(isolation)
        : db.transaction();
      return transaction.execute((trx: Transaction<Database>) => work(statements(trx)));
    },
  };
});

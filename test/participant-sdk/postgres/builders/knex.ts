import { type Knex, knex as makeKnex } from 'knex';
import { rideKnex } from '../../../../participant-sdk/src/postgres/index.ts';
import { overPool, type Statements } from './builder.ts';

function statements(db: Knex): Statements {
  return {
    insert: (id, name) => run(db('dishes').insert({ id, name })),
    rename: (id, name) => run(db('dishes').where({ id }).update({ name })),
    names: () => run(db('dishes').orderBy('id').pluck('name')),
    raw: (sql) => run(db.raw(sql)),
    value: async (sql) => (await db.raw(sql)).rows[0]?.value,
    nested: (work) => db.transaction((inner) => work(statements(inner))),
  };
}

/** A builder of knex runs when it is awaited. */
async function run<T>(builder: PromiseLike<T>): Promise<T> {
  return builder;
}

/** knex with a pool of its own. */
export const knex = overPool(({ resource, url }) => {
  const db = makeKnex({ client: 'pg', connection: url, pool: { min: 0, max: 2 } });
  rideKnex(db, resource);
  return {
    ...statements(db),
    transaction: (work, isolationLevel) =>
      db.transaction((trx) => work(statements(trx)), isolationLevel ? { isolationLevel } : {}),
    close: () => db.destroy(),
  };
});

import pg from 'pg';
import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { ridePg } from '../../../../participant-sdk/src/postgres/index.ts';
import { overPool, type Statements } from './builder.ts';

interface Dish {
  readonly id: number;
  readonly name: string;
}

const Dishes = new EntitySchema<Dish>({
  name: 'Dish',
  tableName: 'dishes',
  columns: { id: { type: 'int', primary: true }, name: { type: 'text' } },
});

function statements(manager: EntityManager): Statements {
  return {
    // save() asks whether the row is there, then writes it in a transaction of its own.
    insert: (id, name) => manager.save(Dishes, { id, name }),
    rename: (id, name) => manager.update(Dishes, { id }, { name }),
    names: async () => {
      const rows = await manager.find(Dishes, { order: { id: 'ASC' } });
      return rows.map((row) => row.name);
    },
    raw: (sql) => manager.query(sql),
    value: async (sql) => (await manager.query<{ value: unknown }[]>(sql))[0]?.value,
    nested: (work) => manager.transaction((inner) => work(statements(inner))),
  };
}

/** TypeORM, whose driver's pool is ours. */
export const typeorm = overPool(async ({ resource }) => {
  const driver = ridePg(pg, resource);
  const source = new DataSource({ type: 'postgres', driver, entities: [Dishes] });
  await source.initialize();
  return {
    ...statements(source.manager),
    transaction: (work, isolation) => {
      const level = isolation === 'serializable' ? 'SERIALIZABLE' : 'READ COMMITTED';
      const run = (inner: EntityManager) => work(statements(inner));
      return isolation ? source.transaction(level, run) : source.transaction(run);
    },
    close: () => source.destroy(),
  };
});

import { DataTypes, Sequelize, Transaction } from 'sequelize';
import { rideSequelize } from '../../../../participant-sdk/src/postgres/index.ts';
import { overPool, type Statements } from './builder.ts';

/** Sequelize with a pool of its own. */
export const sequelize = overPool(({ resource, url }) => {
  const db = new Sequelize(url, { logging: false, pool: { max: 2 } });
  const dishes = db.define(
    'dish',
    { id: { type: DataTypes.INTEGER, primaryKey: true }, name: DataTypes.TEXT },
    { tableName: 'dishes', timestamps: false },
  );
  rideSequelize(db, resource);

  function statements(transaction: Transaction | null): Statements {
    return {
      insert: (id, name) => dishes.create({ id, name }, { transaction }),
      rename: (id, name) => dishes.update({ name }, { where: { id }, transaction }),
      names: async () => {
        const rows = await dishes.findAll({ order: ['id'], transaction });
        return rows.map((row) => row.get('name') as string);
      },
      raw: (sql) => db.query(sql, { transaction }),
      value: async (sql) => {
        const [rows] = await db.query(sql, { transaction });
        return (rows[0] as { value: unknown }).value;
      },
      nested: (work) => db.transaction({ transaction }, (inner) => work(statements(inner))),
    };
  }

  const levels = {
    'read committed': Transaction.ISOLATION_LEVELS.READ_COMMITTED,
    serializable: Transaction.ISOLATION_LEVELS.SERIALIZABLE,
  };
  return {
    ...statements(null),
    transaction: (work, isolation) =>
      db.transaction(isolation ? { isolationLevel: levels[isolation] } : {}, (t) =>
        work(statements(t)),
      ),
    close: () => db.close(),
  };
});

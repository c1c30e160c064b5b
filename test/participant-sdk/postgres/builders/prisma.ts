import { PrismaPg } from '@prisma/adapter-pg';
import { bySavepoint, overPool, type Statements } from './builder.ts';
import { prismaClientClass, type PrismaStatements } from './prisma-client.ts';

function statements(db: PrismaStatements): Statements {
  const raw = async (sql: string) => db.$executeRawUnsafe(sql);
  return {
    insert: async (id, name) => db.dish.create({ data: { id, name } }),
    rename: async (id, name) => db.dish.update({ where: { id }, data: { name } }),
    names: async () => {
      const rows = await db.dish.findMany({ orderBy: { id: 'asc' } });
      return rows.map((row) => row.name);
    },
    raw,
    value: async (sql) => (await db.$queryRawUnsafe<{ value: unknown }[]>(sql))[0]?.value,
    nested: (work) => bySavepoint(raw, () => work(statements(db))),
  };
}

/** Prisma, whose adapter takes the pool. */
export const prisma = overPool(async ({ pool }) => {
  const PrismaClient = await prismaClientClass();
  const db = new PrismaClient({ adapter: new PrismaPg(pool) });
  return {
    ...statements(db),
    transaction: (work, isolation) => {
      const isolationLevel = isolation === 'serializable' ? 'Serializable' : 'ReadCommitted';
      return db.$transaction((tx) => work(statements(tx)), isolation ? { isolationLevel } : {});
    },
    givesUpWhenRefused: true as const,
    close: () => db.$disconnect(),
  };
});

import { afterAll, beforeAll, describe } from 'vitest';
import { serverOrSkip } from '../../../servers/require-server.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import type { SetUp } from './builder.ts';
import { builderContract } from './contract.ts';
import { drizzleOnPool, drizzleOnPostgresJs } from './drizzle.ts';
import { knex } from './knex.ts';
import { kysely } from './kysely.ts';
import { pgCallbacks, pgPromises } from './pg.ts';
import { postgresJsSql } from './postgres-js.ts';
import { prisma } from './prisma.ts';
import { sequelize } from './sequelize.ts';
import { typeorm } from './typeorm.ts';

const builders: [string, SetUp][] = [
  ['pg with promises', pgPromises],
  ['pg with callbacks', pgCallbacks],
  ['kysely', kysely],
  ['drizzle', drizzleOnPool],
  ['TypeORM', typeorm],
  ['Prisma', prisma],
  ['knex', knex],
  ['Sequelize', sequelize],
  ['postgres.js', postgresJsSql],
  ['drizzle on postgres.js', drizzleOnPostgresJs],
];

serverOrSkip('postgres').describe('in a branch', () => {
  let server: PostgresServer;
  let count = 0;

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  describe.each(builders)('%s', (_name, setUp) => {
    const database = () => server.createDatabase(`builder_${(count += 1)}`);
    builderContract({ database, setUp });
  });
});

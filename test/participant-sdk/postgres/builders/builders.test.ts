import { PrismaPg } from '@prisma/adapter-pg';
import { DataTypes, Sequelize } from 'sequelize';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rideSequelize } from '../../../../participant-sdk/src/postgres/index.ts';
import { serverOrSkip } from '../../../servers/require-server.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { Fixture, sql } from '../branches.ts';
import type { Builder, PoolSetUp, SetUp } from './builder.ts';
import { builderContract } from './contract.ts';
import { drizzleOnPool, drizzleOnPostgresJs } from './drizzle.ts';
import { knex } from './knex.ts';
import { kysely } from './kysely.ts';
import { pgCallbacks, pgPromises } from './pg.ts';
import { postgresJsSql } from './postgres-js.ts';
import { prismaClientClass } from './prisma-client.ts';
import { prisma } from './prisma.ts';
import { sequelize } from './sequelize.ts';
import { typeorm } from './typeorm.ts';

const onPool: [string, PoolSetUp][] = [
  ['pg with promises', pgPromises],
  ['pg with callbacks', pgCallbacks],
  ['kysely', kysely],
  ['drizzle', drizzleOnPool],
  ['TypeORM', typeorm],
  ['Prisma', prisma],
  ['knex', knex],
  ['Sequelize', sequelize],
];
const builders: [string, SetUp][] = [
  ...onPool,
  ['postgres.js', postgresJsSql],
  ['drizzle on postgres.js', drizzleOnPostgresJs],
];

serverOrSkip('postgres').describe('in a branch', () => {
  let server: PostgresServer;
  let count = 0;

  beforeAll(async () => {
    server = await startPostgres({ settings: { fsync: 'off' } });
  });
  afterAll(() => server.stop());

  describe.each(builders)('%s', (_name, setUp) => {
    const database = () => server.createDatabase(`builder_${(count += 1)}`);
    builderContract({ database, setUp });
  });

  describe('and side by side', () => {
    let fixture: Fixture;

    beforeAll(async () => {
      const url = await server.createDatabase('side_by_side');
      await sql(url, 'CREATE TABLE dishes (id int PRIMARY KEY, name text NOT NULL)');
      fixture = await new Fixture(url).open();
    });
    afterAll(() => fixture[Symbol.asyncDispose]());

    const stored = async () =>
      (await sql(fixture.url, 'SELECT name FROM dishes ORDER BY id')).map((row) => row['name']);

    test('all builders on one pool share the one connection of the branch', async () => {
      const all: Builder[] = [];
      for (const [, { over }] of onPool) all.push(await over(fixture));
      const pids = new Set<unknown>();
      const prepared = await fixture.prepared(async () => {
        for (const [index, builder] of all.entries()) {
          await builder.transaction((tx) => tx.insert(index, `of ${index}`));
          expect(await builder.names()).toHaveLength(index + 1);
          pids.add(await builder.value('SELECT pg_backend_pid() AS value'));
        }
      });
      expect(pids.size).toBe(1);
      expect(await stored()).toEqual([]);
      await fixture.commit(prepared);
      expect(await stored()).toEqual(onPool.map((_, index) => `of ${index}`));
      const url = fixture.url;
      for (const builder of all) await builder.close?.();
      fixture = await new Fixture(url).open();
    });

    test('a batch of Prisma’s is one savepoint', async () => {
      await sql(fixture.url, 'DELETE FROM dishes');
      const PrismaClient = await prismaClientClass();
      const db = new PrismaClient({ adapter: new PrismaPg(fixture.pool) });
      const create = (id: number) => db.dish.create({ data: { id, name: `dish ${id}` } });
      const prepared = await fixture.prepared(async () => {
        await db.$transaction([create(1), create(2)]);
        await expect(db.$transaction([create(3), create(1)])).rejects.toThrow(/[Uu]nique/);
      });
      expect(await stored()).toEqual([]);
      await fixture.commit(prepared);
      expect(await stored()).toEqual(['dish 1', 'dish 2']);
    });

    test('Sequelize reads values in a branch as it does elsewhere', async () => {
      const db = new Sequelize(fixture.url, { logging: false });
      const days = db.define('day', { day: DataTypes.DATEONLY }, { timestamps: false });
      rideSequelize(db, fixture.resource);
      const read = async () => {
        const query = "SELECT DATE '2026-01-02' AS day, ARRAY[1.5] AS list";
        return (await db.query(query))[0];
      };
      const { open } = await fixture.run(async () => {
        expect(await read()).toMatchObject([{ day: '2026-01-02' }]);
        expect(days.getAttributes()['day']).toBeDefined();
      });
      await open.rollback();
      const { open: second } = await fixture.run(read);
      await second.rollback();
      await db.close();
    });
  });
});

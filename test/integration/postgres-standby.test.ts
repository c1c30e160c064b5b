import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PostgresServer } from '../servers/postgres.ts';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { HeldTransaction } from './support/held-transaction.ts';
import { insertAroundSavepoint, ordersLike } from './support/savepoint-work.ts';
import { Scene } from './support/scene.ts';
import { ShopDatabases } from './support/shop-databases.ts';
import { StandbyPair } from './support/standby.ts';
import { TcpRelay } from './support/tcp-relay.ts';

let relay: TcpRelay;
let databases: ShopDatabases;
let pair: StandbyPair;

/** Files of prepared transactions: those that a checkpoint found. */
async function branchFiles(server: PostgresServer): Promise<number> {
  const sql = "select count(*)::int as count from pg_ls_dir('pg_twophase')";
  return Number((await pair.ask(server, sql))[0]?.['count']);
}

/** Locks that transactions hold without a session, as prepared ones do. */
async function locksWithoutSession(server: PostgresServer): Promise<unknown[]> {
  const sql = `select relation::regclass::text as relation, mode from pg_locks
    where pid is null or mode = 'AccessExclusiveLock'`;
  return pair.ask(server, sql);
}

/** All that a server has of the orders, in a form that can be compared. */
async function allOrders(server: PostgresServer): Promise<unknown> {
  return pair.ask(server, 'select id, gid, portions from orders order by id');
}

/** Holds a decided transaction whose branch the standby has, too. */
async function holdOnBoth(scene: Scene, id: string): Promise<HeldTransaction> {
  const held = await HeldTransaction.hold(scene, () => insertAroundSavepoint(scene.orders, id));
  await pair.untilCaughtUp();
  return held;
}

/** Expects that the service found the new primary, finished what was decided, and serves on. */
async function expectServedOn(scene: Scene, held: HeldTransaction, id: string): Promise<void> {
  await held.release();
  expect(await ordersLike(databases, id)).toEqual(['after', 'before']);
  const placeNext = () =>
    scene.orders.tm.transaction(async () => {
      await insertAroundSavepoint(scene.orders, `${id}-next`);
      await scene.orders.publish(id);
    });
  const isBack = async () => (await placeNext().catch(() => undefined))?.applied;
  await waitUntil(isBack, { what: 'the service to write to the new primary' });
  expect(await ordersLike(databases, `${id}-next`)).toEqual(['after', 'before']);
  await scene.expectNothingLeft();
}

// The cases of Postgres' own src/test/recovery/t/009_twophase.pl that need a standby.
serverOrSkip('postgres').describe('a prepared branch and a standby:', () => {
  beforeAll(async () => {
    relay = await TcpRelay.start('127.0.0.1:1');
    databases = await ShopDatabases.start({ through: relay, fsync: false });
    pair = await StandbyPair.start(databases, relay);
  });
  afterAll(async () => {
    await pair?.[Symbol.asyncDispose]();
    await databases?.[Symbol.asyncDispose]();
    await relay?.[Symbol.asyncDispose]();
  });

  test.each([
    ['', 0],
    [', also of what its checkpoint wrote to a file', 1],
  ] as const)('the standby cleans up after the commit%s', async (_, files) => {
    const id = `cleaned-${files}`;
    await using scene = await Scene.open(databases, id);
    await using held = await holdOnBoth(scene, id);
    if (files > 0) {
      await pair.ask(pair.primary, 'checkpoint');
      await pair.untilCaughtUp();
      await pair.ask(pair.standby, 'checkpoint');
    }
    expect(await branchFiles(pair.standby)).toBe(files);
    await held.release();
    await pair.untilCaughtUp();
    expect(await allOrders(pair.standby)).toEqual(await allOrders(pair.primary));
    expect(await locksWithoutSession(pair.standby)).toEqual([]);
    await scene.expectNothingLeft();
    await pair.ask(pair.primary, 'checkpoint');
    await pair.untilCaughtUp();
    await pair.ask(pair.standby, 'checkpoint');
    expect(await branchFiles(pair.standby)).toBe(0);
  });

  test('a table that it makes does not stand in the way of the standby’s replay', async () => {
    await using scene = await Scene.open(databases, 'ddl');
    await using held = await HeldTransaction.hold(scene, async () => {
      const { pool } = scene.orders;
      await pool.query('create table made (a int)');
      await pool.query('savepoint hold');
      await pool.query('insert into made values (42)');
    });
    await pair.ask(pair.primary, 'checkpoint');
    await pair.untilCaughtUp();
    expect(await locksWithoutSession(pair.standby)).not.toEqual([]);
    await held.release();
    await pair.untilCaughtUp();
    expect(await pair.ask(pair.standby, 'table made')).toEqual([{ a: 42 }]);
    expect(await locksWithoutSession(pair.standby)).toEqual([]);
    await scene.expectNothingLeft();
  });

  test('it is committed on the standby that was promoted', async () => {
    await using scene = await Scene.open(databases, 'promoted');
    await using held = await holdOnBoth(scene, 'promoted');
    await pair.primary.stopImmediate();
    await pair.promote();
    await expectServedOn(scene, held, 'promoted');
    await pair.rejoin();
  });

  test('committed just before the failover, it is known by its receipt there', async () => {
    await using scene = await Scene.open(databases, 'receipt');
    await using held = await holdOnBoth(scene, 'receipt');
    await pair.ask(pair.primary, `commit prepared '${held.branch}'`);
    await pair.untilCaughtUp();
    await pair.primary.stopImmediate();
    await pair.promote();
    await expectServedOn(scene, held, 'receipt');
    expect(await scene.admin.list('heuristic')).toEqual([]);
    await pair.rejoin();
  });

  test.each([
    ['soft', 'files', (standby: PostgresServer) => standby.restart()],
    [
      'hard',
      'records',
      async (standby: PostgresServer) => {
        await standby.stopImmediate();
        await standby.restart();
      },
    ],
  ] as const)(
    'after a %s restart of the standby while the primary is down it is restored from %s',
    async (kind, _, restart) => {
      await using scene = await Scene.open(databases, kind);
      await using held = await holdOnBoth(scene, kind);
      if (kind === 'soft') {
        // The standby writes a file only for what the primary has a checkpoint after.
        await pair.ask(pair.primary, 'checkpoint');
        await pair.untilCaughtUp();
      }
      await pair.primary.stopImmediate();
      await restart(pair.standby);
      expect(await branchFiles(pair.standby)).toBe(kind === 'soft' ? 1 : 0);
      await pair.promote();
      await expectServedOn(scene, held, kind);
      await pair.rejoin();
    },
  );

  test('in the end both servers have the same, and nothing prepared', async () => {
    await pair.untilCaughtUp();
    const orders = await allOrders(pair.primary);
    expect(orders).toHaveLength(20);
    expect(await allOrders(pair.standby)).toEqual(orders);
    await pair.primary.stopImmediate();
    await pair.promote();
    expect(await pair.ask(pair.primary, 'select gid from pg_prepared_xacts')).toEqual([]);
    expect(await allOrders(pair.primary)).toEqual(orders);
  });
});

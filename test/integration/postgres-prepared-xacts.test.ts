import { currentTransaction, outsideTransaction } from '@unanimous/participant-sdk';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { failureOf } from './support/failure-of.ts';
import { HeldTransaction } from './support/held-transaction.ts';
import { insertAroundSavepoint, ordersLike } from './support/savepoint-work.ts';
import { Scene } from './support/scene.ts';
import { ShopDatabases } from './support/shop-databases.ts';

let databases: ShopDatabases;

const inTable = async (table: string) =>
  (await databases.orders.query<{ a: number }>(`select a from ${table} order by a`)).rows.map(
    ({ a }) => a,
  );

/** What a session that is not ours is told when it waits for a lock no longer than a moment. */
async function lockedOut(sql: string): Promise<string> {
  const client = new pg.Client({
    connectionString: databases.ordersUrl,
    application_name: 'onlooker',
  });
  await client.connect();
  try {
    await client.query("set lock_timeout = '100ms'");
    await client.query(sql);
    return 'not locked';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end();
  }
}

// The cases of Postgres' own src/test/regress/sql/prepared_xacts.sql, each in a transaction of ours.
serverOrSkip('postgres').describe('PREPARE TRANSACTION:', () => {
  beforeAll(async () => {
    databases = await ShopDatabases.start({ fsync: false });
    await databases.orders.query(
      'create table skew (a int); create table dropped (a int); insert into dropped values (1)',
    );
  });
  afterAll(() => databases?.[Symbol.asyncDispose]());

  test('under a name that is taken is refused, and aborts', async () => {
    await using scene = await Scene.open(databases, 'taken');
    const { tm, pool } = scene.orders;
    const placing = tm.transaction(async () => {
      await insertAroundSavepoint(scene.orders, 'taken');
      await scene.orders.publish('taken');
      const sql = "select current_setting('unanimous.branch') as name";
      const { rows } = await pool.query<{ name: string }>(sql);
      await databases.orders.query(
        `begin; insert into orders values ('intruder', '', 1);
         prepare transaction '${rows[0]?.name}'`,
      );
    });
    expect(await failureOf(placing)).toMatchObject({
      code: 'aborted',
      reason: { code: 'prepare-refused', message: expect.stringContaining('already in use') },
    });
    // It bore the name of a branch that is aborted, so it is rolled back as that.
    await scene.expectNothingLeft();
    expect(await ordersLike(databases, 'taken')).toEqual([]);
    expect(await scene.countOf('intruder')).toBe(0);
  });

  test('that cannot be serialized is refused, and may be done again', async () => {
    await using scene = await Scene.open(databases, 'skew');
    const { tm, pool } = scene.orders;
    const countAndAdd = async (a: number) => {
      const client = await pool.connect();
      try {
        await client.query('begin isolation level serializable');
        await client.query('savepoint hold');
        await client.query('select count(*) from skew');
        await client.query('insert into skew values ($1)', [a]);
        await client.query('commit');
      } finally {
        client.release();
      }
      await scene.orders.publish(`skew-${a}`);
    };
    let held: HeldTransaction | undefined;
    const second = tm.transaction(async () => {
      await countAndAdd(2);
      // The first one reads and writes beside it, and is prepared before it.
      held = await outsideTransaction(() => HeldTransaction.hold(scene, () => countAndAdd(1)));
    });
    const failure = await failureOf(second);
    await using first = held as unknown as HeldTransaction;
    expect(failure).toMatchObject({
      code: 'aborted',
      retryable: true,
      reason: { code: 'serialization-failure', rm: 'orders-db' },
    });
    await first.release();
    expect(await inTable('skew')).toEqual([1]);
    expect(await tm.transaction(() => countAndAdd(2))).toMatchObject({ applied: true });
    expect(await inTable('skew')).toEqual([1, 2]);
    await scene.expectNothingLeft();
  });

  test('keeps what subtransactions kept, and nothing of those rolled back', async () => {
    await using scene = await Scene.open(databases, 'nested');
    const { pool } = scene.orders;
    await using held = await HeldTransaction.hold(scene, async () => {
      const client = await pool.connect();
      try {
        await client.query('create table nested (a int)');
        for (const a of [1, 2, 3]) {
          await client.query(`savepoint s${a}`);
          await client.query('insert into nested values ($1)', [a]);
        }
        await client.query('rollback to s3');
        await client.query('release s2');
        await client.query('insert into nested values (4)');
        // What builders begin inside is a savepoint, too.
        for (const [a, end] of [
          [5, 'commit'],
          [6, 'rollback'],
        ] as const) {
          await client.query('begin');
          await client.query('insert into nested values ($1)', [a]);
          await client.query(end);
        }
      } finally {
        client.release();
      }
    });
    await databases.ordersServer.kill9();
    await databases.ordersServer.restart();
    await held.release();
    expect(await inTable('nested')).toEqual([1, 2, 4, 5]);
    await scene.expectNothingLeft();
  });

  test('of a DROP keeps readers out until the decision, and then the table is gone', async () => {
    await using scene = await Scene.open(databases, 'dropped');
    await using held = await HeldTransaction.hold(scene, async () => {
      await scene.orders.pool.query('savepoint hold');
      await scene.orders.pool.query('drop table dropped');
    });
    expect(await lockedOut('select from dropped')).toContain('lock timeout');
    await held.release();
    expect(await lockedOut('select from dropped')).toContain('does not exist');
    await scene.expectNothingLeft();
  });

  test('closes an open cursor; one that is to outlive the transaction is refused', async () => {
    await using scene = await Scene.open(databases, 'cursor');
    const { tm } = scene.orders;
    const withCursor = async (id: string, hold: string) => {
      const client = await scene.orders.pool.connect();
      try {
        await client.query('savepoint hold');
        const gid = currentTransaction()?.gid;
        await client.query('insert into orders values ($1, $2, 1)', [id, gid]);
        await client.query(`declare few cursor ${hold} for select id from orders`);
        expect((await client.query('fetch 1 in few')).rowCount).toBe(1);
      } finally {
        client.release();
      }
      await scene.orders.publish(id);
    };
    const refused = failureOf(tm.transaction(() => withCursor('with-hold', 'with hold')));
    expect(await refused).toMatchObject({
      code: 'aborted',
      reason: { code: 'prepare-refused', hint: expect.stringContaining('cursors WITH HOLD') },
    });
    expect(await scene.countOf('with-hold')).toBe(0);
    await tm.transaction(() => withCursor('cursor', ''));
    expect(await scene.countOf('cursor')).toBe(1);
    await scene.expectNothingLeft();
  });

  test('leaves locks that outlive the session, until the decision is carried out', async () => {
    await using scene = await Scene.open(databases, 'locks');
    const { tm, pool } = scene.orders;
    await tm.transaction(() => scene.orders.insert('locked'));
    // A new epoch, in which nothing was committed yet.
    await scene.coordinator.stop();
    await scene.coordinator.start();
    const raise = "update orders set portions = portions + 1 where id = 'locked'";
    await using held = await HeldTransaction.hold(scene, async () => {
      await pool.query('savepoint hold');
      await pool.query(raise);
    });
    await databases.orders.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name <> 'onlooker' and pid <> pg_backend_pid() and datname = 'orders'`,
    );
    expect(await lockedOut(raise)).toContain('lock timeout');
    expect(await lockedOut("select from orders where id = 'locked'")).toBe('not locked');
    await held.release();
    expect(await lockedOut(raise)).toBe('not locked');
    const { rows } = await databases.orders.query(
      "select portions from orders where id = 'locked'",
    );
    expect(rows).toEqual([{ portions: 3 }]);
    await scene.expectNothingLeft();
  });
});

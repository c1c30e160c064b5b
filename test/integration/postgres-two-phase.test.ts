import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { failureOf } from './support/failure-of.ts';
import { Gate } from './support/gate.ts';
import { HeldTransaction } from './support/held-transaction.ts';
import { insertAroundSavepoint, ordersLike } from './support/savepoint-work.ts';
import { Scene } from './support/scene.ts';
import { ShopDatabases } from './support/shop-databases.ts';

let databases: ShopDatabases;

/** How Postgres' own tests stop a server: with and without a checkpoint. */
const stops = {
  soft: () => databases.ordersServer.restart(),
  hard: async () => {
    await databases.ordersServer.stopImmediate();
    await databases.ordersServer.restart();
  },
};

/** Begins a transaction whose branch is prepared while it is undecided: its stock waits. */
async function prepareUndecided(scene: Scene, id: string) {
  const failure = failureOf(
    scene.orders.tm.transaction(async () => {
      await insertAroundSavepoint(scene.orders, id);
      await scene.caller.reserve(id);
    }),
  );
  await waitUntil(async () => (await scene.prepared('orders')).length === 1, {
    what: 'an undecided branch to be prepared',
  });
  return { failure };
}

async function columnsOf(table: string): Promise<number | null> {
  const sql = 'select relnatts from pg_class where oid = to_regclass($1)';
  const { rows } = await databases.orders.query<{ relnatts: number }>(sql, [table]);
  return rows[0]?.relnatts ?? null;
}

// The cases of Postgres' own src/test/recovery/t/009_twophase.pl that need one server, each with
// a transaction of ours in the place of its PREPARE and COMMIT PREPARED by hand.
serverOrSkip('postgres').describe('a prepared branch and its server:', () => {
  beforeAll(async () => {
    databases = await ShopDatabases.start({ fsync: false });
  });
  afterAll(() => databases?.[Symbol.asyncDispose]());

  test.each(['soft', 'hard'] as const)(
    'after a %s restart one is committed and one rolled back, as was decided',
    async (kind) => {
      await using scene = await Scene.open(databases, `both-${kind}`);
      await using gate = await Gate.close(databases.stockUrl);
      const { failure } = await prepareUndecided(scene, `undecided-${kind}`);
      await using held = await HeldTransaction.hold(scene, () =>
        insertAroundSavepoint(scene.orders, `decided-${kind}`),
      );
      expect(await scene.prepared('orders')).toHaveLength(2);
      if (kind === 'hard') await databases.orders.query('checkpoint');
      await stops[kind]();
      await gate.open();
      await held.release();
      // The stock's part was not prepared, and ended with its connection.
      expect(await failure).toMatchObject({ code: 'aborted', reason: { rm: 'stock-db' } });
      expect(await ordersLike(databases, `decided-${kind}`)).toEqual(['after', 'before']);
      await scene.expectNothingLeft();
      expect(await ordersLike(databases, `undecided-${kind}`)).toEqual([]);
    },
  );

  test('a name that is used twice before a hard restart is the second one’s', async () => {
    await using scene = await Scene.open(databases, 'twice');
    await using held = await HeldTransaction.hold(scene, () =>
      insertAroundSavepoint(scene.orders, 'first'),
    );
    await databases.orders.query(`commit prepared '${held.branch}'`);
    await databases.orders.query(`
      begin; savepoint hold; insert into orders values ('second', '${held.gid}', 1);
      prepare transaction '${held.branch}'`);
    await stops.hard();
    await held.release();
    expect(await ordersLike(databases, 'first')).toEqual(['after', 'before']);
    const { rowCount } = await databases.orders.query("select from orders where id = 'second'");
    expect(rowCount).toBe(1);
    await scene.expectNothingLeft();
  });

  test('a replay of prepare and commit leaves neither the branch nor its locks', async () => {
    await using scene = await Scene.open(databases, 'replayed');
    await databases.orders.query('checkpoint');
    const { tm, pool } = scene.orders;
    const { gid } = await tm.transaction(async () => {
      await insertAroundSavepoint(scene.orders, 'replayed');
      await scene.orders.publish('replayed');
    });
    await stops.hard();
    await scene.expectNothingLeft();
    const raise = "update orders set portions = 2 where id like 'replayed-%'";
    const isRaised = async () => {
      const raising = tm.transaction(async () => {
        await pool.query('savepoint again');
        const { rowCount } = await pool.query(raise);
        await scene.orders.publish('raised');
        return rowCount;
      });
      return (await raising.catch(() => undefined))?.value === 2;
    };
    await waitUntil(isRaised, { what: 'the rows to be written again' });
    expect(await tm.outcome(gid)).toMatchObject({ outcome: 'committed', applied: true });
    await scene.expectNothingLeft();
  });

  test.each(['soft', 'hard'] as const)(
    'a table that it makes is there after a %s restart, once it is committed',
    async (kind) => {
      await using scene = await Scene.open(databases, `ddl-${kind}`);
      const table = `made_${kind}`;
      await using held = await HeldTransaction.hold(scene, async () => {
        const { pool } = scene.orders;
        await pool.query(`create table ${table} (a int, b int)`);
        await pool.query('savepoint hold');
        await pool.query(`insert into ${table} values (1, 2)`);
      });
      expect(await columnsOf(table)).toBeNull();
      await stops[kind]();
      await held.release();
      expect(await columnsOf(table)).toBe(2);
      expect((await databases.orders.query(`table ${table}`)).rows).toEqual([{ a: 1, b: 2 }]);
      await scene.expectNothingLeft();
    },
  );
});

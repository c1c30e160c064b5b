import {
  currentTransaction,
  defineResource,
  outsideTransaction,
  TransactionClient,
  type UnanimousError,
} from '@unanimous/participant-sdk';
import { transactionFetch } from '@unanimous/participant-sdk/http';
import { postgres } from '@unanimous/participant-sdk/postgres';
import { openQueue, type Queue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { Gate } from './support/gate.ts';
import { expectNothingLeft } from './support/nothing-left.ts';
import { openShop, type Shop } from './support/shop.ts';
import { type OrderPlaced, topic } from './support/shop-schema.ts';
import { StockService } from './support/stock-service.ts';
import { TcpRelay } from './support/tcp-relay.ts';
import { Unary } from './support/unary.ts';

let shop: Shop;
let reader: Queue;
let serial = 0;

/** An id that no other test uses. */
function freshId(): string {
  serial += 1;
  return `order-${serial}`;
}

/** Places an order in three places, one of them another service. */
async function placeEverywhere(id: string): Promise<void> {
  await shop.orders.insert(id);
  await shop.caller.reserve(id);
  await shop.orders.publish(id);
}

/** Under which gid each place shows the order; undefined where it shows none. */
async function whereIs(id: string) {
  const { orders, stock } = shop.databases;
  const order = await orders.query('select gid from orders where id = $1', [id]);
  const find = 'select gid from reservations where order_id = $1';
  const reservation = await stock.query(find, [id]);
  const messages = await reader.receive<OrderPlaced>({ topic, max: 1_000, visibilityMs: 1 });
  const event = messages.find(({ body }) => body.orderId === id);
  return {
    order: (order.rows[0] as { gid: string } | undefined)?.gid,
    reservation: (reservation.rows[0] as { gid: string } | undefined)?.gid,
    event: event?.body.gid,
  };
}

const nowhere = { order: undefined, reservation: undefined, event: undefined };

/** Names of what is prepared in any database. */
async function prepared(): Promise<string[]> {
  const { rows } = await shop.databases.orders.query<{ gid: string }>(
    'select gid from pg_prepared_xacts',
  );
  return rows.map(({ gid }) => gid);
}

/** Resolves when so many prepares wait at the gate. */
async function untilWaiting(gate: Gate, count = 1): Promise<void> {
  await waitUntil(async () => (await gate.waiting()) === count, { what: 'prepares at the gate' });
}

serverOrSkip('postgres').describe('an atomic write', () => {
  beforeAll(async () => {
    shop = await openShop();
    reader = await openQueue({ file: shop.queueFile, Database });
  });

  afterEach(async () => {
    const { admin, databases, orders, stock } = shop;
    const onlookers = [databases.orders, databases.stock];
    await expectNothingLeft({ admin, databases: onlookers, pools: [orders.pool, stock.pool] });
  });

  afterAll(async () => {
    await reader?.close();
    await shop?.[Symbol.asyncDispose]();
  });

  test('commits in two databases and a queue, and shows nothing before', async () => {
    const id = freshId();
    const { tm } = shop.orders;
    const { value: gid, ...committed } = await tm.transaction(async (transaction) => {
      await placeEverywhere(id);
      expect(await whereIs(id)).toEqual(nowhere);
      return transaction.gid;
    });
    expect(committed).toEqual({ outcome: 'committed', gid, applied: true, pending: [] });
    expect(await whereIs(id)).toEqual({ order: gid, reservation: gid, event: gid });
    expect(await tm.outcome(gid)).toMatchObject({ outcome: 'committed', applied: true });
  });

  test('is aborted by what its function throws, which comes out unchanged', async () => {
    const id = freshId();
    const { tm } = shop.orders;
    const outOfRamen = new RangeError('out of ramen');
    let gid = '';
    const placing = tm.transaction(async (transaction) => {
      gid = transaction.gid;
      await placeEverywhere(id);
      throw outOfRamen;
    });
    expect(await placing.catch((error: unknown) => error)).toBe(outOfRamen);
    expect(await whereIs(id)).toEqual(nowhere);
    expect(await tm.outcome(gid)).toMatchObject({
      outcome: 'aborted',
      reason: { code: 'client-aborted', message: "the transaction's function threw RangeError" },
    });
  });

  test('that only reads commits, and leaves nothing to apply', async () => {
    const { tm, pool } = shop.orders;
    const count = 'select count(*)::int as count from orders';
    const { value, gid, ...committed } = await tm.transaction(async () => {
      const { rows } = await pool.query<{ count: number }>(count);
      return rows[0]?.count;
    });
    expect(value).toBeTypeOf('number');
    expect(committed).toEqual({ outcome: 'committed', applied: true, pending: [] });
    // Nobody was told of it; who asks any coordinator by that gid hears so.
    expect(await shop.admin.show(gid)).toMatchObject({ gid, state: 'committed', branches: [] });
    using unary = new Unary(shop.coordinator.address);
    expect((await unary.outcome(gid)).kind).toBe('OUTCOME_COMMITTED');
    const seen = await tm.transaction(async (transaction) => {
      await pool.query(count);
      return transaction.gid;
    });
    const { branches } = await shop.admin.show(seen.value);
    expect(branches).toMatchObject([{ rm: 'orders-db', state: 'read-only' }]);
  });

  test('of one writer among readers leaves the readers out of phase two', async () => {
    const id = freshId();
    const { tm, pool } = shop.orders;
    const { gid } = await tm.transaction(async () => {
      await pool.query('select from orders');
      await shop.caller.reserve(id);
    });
    const { branches } = await shop.admin.show(gid);
    expect(branches).toMatchObject([
      { rm: 'orders-db', state: 'read-only' },
      { rm: 'stock-db', state: 'committed' },
    ]);
    expect(await whereIs(id)).toMatchObject({ order: undefined, reservation: gid });
  });

  test('in one place is committed in one phase: never prepared, unknown meanwhile', async () => {
    const id = freshId();
    const { tm } = shop.orders;
    await using gate = await Gate.close(shop.databases.ordersUrl);
    let gid = '';
    const placing = tm.transaction(async (transaction) => {
      gid = transaction.gid;
      await shop.orders.insert(id);
    });
    await untilWaiting(gate); // a deferred constraint, so it is the commit that waits
    expect(await shop.admin.show(gid)).toMatchObject({ state: 'delegated' });
    expect(await prepared()).toEqual([]);
    expect(await tm.outcome(gid)).toMatchObject({ outcome: 'unknown' });
    await gate.open();
    expect(await placing).toMatchObject({ outcome: 'committed', applied: true });
    expect(await whereIs(id)).toMatchObject({ order: gid });
  });

  test('takes a called gRPC service along by the metadata of the call', async () => {
    const [inside, outside] = [freshId(), freshId()];
    const seen: (string | undefined)[] = [];
    shop.stock.handle = async (reservation) => {
      seen.push(currentTransaction()?.gid);
      await shop.stock.insert(reservation);
    };
    const { gid } = await shop.orders.tm.transaction(async () => {
      await shop.caller.reserve(inside);
      await outsideTransaction(() => shop.caller.reserve(outside));
      expect(await whereIs(inside)).toEqual(nowhere);
      expect(await whereIs(outside)).toMatchObject({ reservation: '' });
    });
    shop.stock.handle = (reservation) => shop.stock.insert(reservation);
    expect(seen).toEqual([gid, undefined]);
    expect(await whereIs(inside)).toMatchObject({ reservation: gid });
  });

  test('takes a called HTTP service along by the headers of the request', async () => {
    const [kept, dropped] = [freshId(), freshId()];
    const reserve = async (id: string) => {
      const response = await transactionFetch(`${shop.stock.url}?order=${id}`, { method: 'POST' });
      expect(response.status).toBe(204);
    };
    const { gid } = await shop.orders.tm.transaction(async () => {
      await shop.orders.insert(kept);
      await reserve(kept);
      expect(await whereIs(kept)).toEqual(nowhere);
    });
    expect(await whereIs(kept)).toMatchObject({ order: gid, reservation: gid });
    const placing = shop.orders.tm.transaction(async () => {
      await reserve(dropped);
      throw new Error('changed my mind');
    });
    await expect(placing).rejects.toThrow('changed my mind');
    expect(await whereIs(dropped)).toEqual(nowhere);
  });

  test('keeps the query builder: what kysely begins inside becomes a savepoint', async () => {
    interface Tables {
      readonly orders: { readonly id: string; readonly gid: string; readonly portions: number };
    }
    const { tm, pool } = shop.orders;
    const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
    const [kept, undone] = [freshId(), freshId()];
    const { gid } = await tm.transaction(async ({ gid: current }) => {
      const order = { gid: current, portions: 2 };
      await db
        .insertInto('orders')
        .values({ ...order, id: kept })
        .execute();
      const inner = db.transaction().execute(async (trx) => {
        await trx
          .insertInto('orders')
          .values({ ...order, id: undone })
          .execute();
        throw new Error('not this one');
      });
      await expect(inner).rejects.toThrow('not this one');
      await shop.caller.reserve(kept);
    });
    expect(await whereIs(kept)).toMatchObject({ order: gid, reservation: gid });
    expect(await whereIs(undone)).toEqual(nowhere);
  });

  test('applies what a function defines, once its rows are visible', async () => {
    const id = freshId();
    const { tm } = shop.orders;
    const mails: { to: string; id: string; order: string | undefined }[] = [];
    const mailer = await tm.serve(
      defineResource<{ to: string }>({
        rm: 'mailer',
        async apply({ to }, context) {
          mails.push({ to, id: context.id, order: (await whereIs(to)).order });
        },
      }),
    );
    const { gid } = await tm.transaction(async () => {
      await mailer.write({ to: id });
      await shop.orders.insert(id);
      expect(mails).toEqual([]);
    });
    expect(mails).toEqual([{ to: id, id: `${gid}/1/0`, order: gid }]);
  });

  test('waits until it is applied, or only until it is decided', async () => {
    const id = freshId();
    const { tm } = shop.orders;
    let letApply: () => void = () => {};
    const mayApply = new Promise<void>((resolve) => {
      letApply = resolve;
    });
    const slow = await tm.serve(
      defineResource<string>({ rm: 'slow', apply: () => mayApply.then(() => undefined) }),
    );
    const place = async () => {
      await slow.write(id);
      await shop.caller.reserve(freshId());
    };
    const decided = await tm.transaction(place, { wait: 'decided' });
    expect(decided).toMatchObject({ outcome: 'committed', applied: false });
    expect(decided.pending.map(({ rm }) => rm)).toContain('slow');
    const bounded = await tm.transaction(place, { wait: 'applied', waitAppliedMs: 100 });
    expect(bounded).toMatchObject({ applied: false, pending: [{ branch: 1, rm: 'slow' }] });
    const patient = tm.transaction(place);
    letApply();
    expect(await patient).toMatchObject({ outcome: 'committed', applied: true, pending: [] });
    const isApplied = async () => (await tm.outcome(decided.gid)).applied;
    await waitUntil(isApplied, { what: 'the first one to be applied' });
  });

  test('is tried again after an abort that another try may mend', async () => {
    const { tm, pool } = shop.orders;
    const attempts: string[] = [];
    const ids = [freshId(), freshId()];
    const rival = freshId();
    const placing = tm.transaction(
      async ({ gid }) => {
        const client = await pool.connect();
        await client.query('begin isolation level serializable');
        await client.query('select count(*) from orders');
        const id = ids[attempts.push(gid) - 1];
        if (attempts.length === 1) await outsideTransaction(() => commitRival(rival, insertFirst));
        else await insertFirst();
        await client.query('commit');
        client.release();
        await shop.caller.reserve(String(id));

        async function insertFirst() {
          const insert = 'insert into orders (id, gid, portions) values ($1, $2, 1)';
          await client.query(insert, [id, gid]);
        }
      },
      { retry: 2 },
    );
    const { gid } = await placing;
    expect(attempts).toEqual([expect.any(String), gid]);
    expect(await tm.outcome(String(attempts[0]))).toMatchObject({
      outcome: 'aborted',
      reason: { code: 'serialization-failure', retryable: true, rm: 'orders-db' },
    });
    expect(await whereIs(String(ids[0]))).toEqual(nowhere);
    expect(await whereIs(String(ids[1]))).toMatchObject({ order: gid, reservation: gid });
  });

  test('is not tried again where that cannot help', async () => {
    let attempts = 0;
    const placing = shop.orders.tm.transaction(
      async () => {
        attempts += 1;
        await shop.orders.insert(freshId(), 0);
      },
      { retry: 3 },
    );
    await expect(placing).rejects.toThrow(/orders_portions_check/);
    expect(attempts).toBe(1);
  });

  test('is called off by a signal before its commit is asked for', async () => {
    const id = freshId();
    const controller = new AbortController();
    const { tm } = shop.orders;
    const placing = tm.transaction(
      async ({ signal }) => {
        await placeEverywhere(id);
        controller.abort(new Error('the customer left'));
        expect(signal.aborted).toBe(true);
        await new Promise(() => {});
      },
      { signal: controller.signal },
    );
    await expect(placing).rejects.toMatchObject({
      code: 'cancelled',
      hint: 'The AbortSignal fired before the commit was asked for; nothing was written.',
      cause: new Error('the customer left'),
    });
    expect(await whereIs(id)).toEqual(nowhere);
  });

  test('leaves a caller whose signal fires later with the gid, and goes on', async () => {
    const id = freshId();
    const controller = new AbortController();
    const { tm } = shop.orders;
    await using gate = await Gate.close(shop.databases.stockUrl);
    const placing = tm.transaction(() => placeEverywhere(id), { signal: controller.signal });
    const failure = placing.then(undefined, (error: unknown) => error as UnanimousError);
    await untilWaiting(gate);
    controller.abort();
    const error = await failure;
    expect(error).toMatchObject({ code: 'unknown', gid: expect.any(String) });
    const gid = String((error as UnanimousError).gid);
    expect(await tm.outcome(gid)).toMatchObject({ outcome: 'unknown' });
    await gate.open();
    const isApplied = async () => (await tm.outcome(gid)).applied;
    await waitUntil(isApplied, { what: 'the commit to go on' });
    expect(await whereIs(id)).toEqual({ order: gid, reservation: gid, event: gid });
  });

  test('can be begun, run and committed step by step', async () => {
    const id = freshId();
    const { tm } = shop.orders;
    await using transaction = await tm.begin({ name: 'step by step' });
    const { gid } = transaction;
    await transaction.run(() => shop.orders.insert(id));
    expect(currentTransaction()).toBeUndefined();
    await transaction.run(() => shop.caller.reserve(id));
    expect(await shop.admin.show(gid)).toMatchObject({ state: 'active', name: 'step by step' });
    expect(await transaction.commit()).toMatchObject({ outcome: 'committed', applied: true });
    expect(await whereIs(id)).toMatchObject({ order: gid, reservation: gid });
  });

  test('can be aborted by hand, or by going out of scope', async () => {
    const [first, second] = [freshId(), freshId()];
    const { tm } = shop.orders;
    const byHand = await tm.begin();
    await byHand.run(() => placeEverywhere(first));
    await byHand.abort('sold out');
    expect(await tm.outcome(byHand.gid)).toMatchObject({
      outcome: 'aborted',
      reason: { code: 'client-aborted', message: 'sold out' },
    });
    {
      await using scoped = await tm.begin();
      await scoped.run(() => placeEverywhere(second));
    }
    expect(await whereIs(first)).toEqual(nowhere);
    expect(await whereIs(second)).toEqual(nowhere);
  });

  test('of which nobody has heard is told from one that is over', async () => {
    const { tm } = shop.orders;
    const { value: gid } = await tm.transaction((transaction) => transaction.gid);
    expect(await tm.outcome(gid)).toMatchObject({ outcome: 'committed', applied: true });
    const neverBegun = gid.replace(/\d+$/, '999999');
    await expect(tm.outcome(neverBegun)).rejects.toMatchObject({ code: 'not-live' });
  });

  test('is finished by a replica when the process that voted is gone', async () => {
    const id = freshId();
    const { coordinator, databases, orders } = shop;
    await using relay = await TcpRelay.start(coordinator.address);
    const { stockUrl } = databases;
    await using voter = await StockService.start({
      address: relay.address,
      stockUrl,
      max: 2,
      closeTimeoutMs: 50,
    });
    using caller = voter.client();
    await using gate = await Gate.close(stockUrl);
    let gid = '';
    const placing = orders.tm.transaction(async (transaction) => {
      gid = transaction.gid;
      await orders.insert(id);
      await caller.reserve(id);
    });
    await untilWaiting(gate);
    relay.holdAnswers(); // the order to commit will not arrive
    await gate.open();
    const isDecided = async () => (await orders.tm.outcome(gid)).outcome === 'committed';
    await waitUntil(isDecided, { what: 'the decision' });
    await relay[Symbol.asyncDispose](); // nobody hears of the voter any more
    expect(await placing).toMatchObject({ gid, outcome: 'committed', applied: true });
    expect(await whereIs(id)).toMatchObject({ order: gid, reservation: gid });
  });

  test('needs no other process with a coordinator embedded', async () => {
    const id = freshId();
    const { dir, ordersUrl, stockUrl } = shop.databases;
    await using tm = await TransactionClient.embedded({ data: dir.file('embedded') });
    const [orders, stock] = await Promise.all([
      tm.serve(postgres({ rm: 'orders', pg, connectionString: ordersUrl })),
      tm.serve(postgres({ rm: 'stock', pg, connectionString: stockUrl })),
    ]);
    const insert = (abort: boolean) =>
      tm.transaction(async ({ gid }) => {
        const order = 'insert into orders (id, gid, portions) values ($1, $2, 1)';
        await orders.pool.query(order, [id, gid]);
        const reservation = 'insert into reservations (order_id, gid, portions) values ($1, $2, 1)';
        await stock.pool.query(reservation, [id, gid]);
        if (abort) throw new Error('no');
      });
    await expect(insert(true)).rejects.toThrow('no');
    expect(await whereIs(id)).toEqual(nowhere);
    const { gid } = await insert(false);
    expect(await whereIs(id)).toMatchObject({ order: gid, reservation: gid });
  });
});

/** Commits a rival in whose way the caller's insert stands: one of the two must fail. */
async function commitRival(id: string, insertBetween: () => Promise<void>): Promise<void> {
  const client = await shop.databases.orders.connect();
  await client.query('begin isolation level serializable');
  await client.query('select count(*) from orders');
  await client.query("insert into orders (id, gid, portions) values ($1, 'rival', 1)", [id]);
  await insertBetween();
  await client.query('commit');
  client.release();
}

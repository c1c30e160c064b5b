import { AsyncResource } from 'node:async_hooks';
import { defineResource, outsideTransaction, TransactionClient } from '@unanimous/participant-sdk';
import { transactionFetch, transactionHeaders } from '@unanimous/participant-sdk/http';
import { postgres } from '@unanimous/participant-sdk/postgres';
import { sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { serverOrSkip } from '../servers/require-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { failureOf } from './support/failure-of.ts';
import { expectNothingLeft } from './support/nothing-left.ts';
import { openShop, type Shop } from './support/shop.ts';
import { Unary } from './support/unary.ts';

let shop: Shop;
let unary: Unary;
let serial = 0;

/** An id that no other test uses. */
function freshId(): string {
  serial += 1;
  return `order-${serial}`;
}

/** Number of orders and reservations with an id. */
async function countOf(id: string): Promise<number> {
  const { orders, stock } = shop.databases;
  const found = await Promise.all([
    orders.query('select from orders where id = $1', [id]),
    stock.query('select from reservations where order_id = $1', [id]),
  ]);
  return found.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0);
}

/** The status and the answer of a request to the HTTP side of the stock service. */
async function reserveByHttp(id: string, init: RequestInit): Promise<string> {
  const response = await fetch(`${shop.stock.url}?order=${id}`, { method: 'POST', ...init });
  return `${response.status} ${await response.text()}`.trim();
}

serverOrSkip('postgres').describe('refused, with nothing left behind:', () => {
  beforeAll(async () => {
    shop = await openShop();
    unary = new Unary(shop.coordinator.address);
  });

  afterEach(async () => {
    shop.stock.handle = (reservation) => shop.stock.insert(reservation);
    const { admin, databases, orders, stock } = shop;
    const onlookers = [databases.orders, databases.stock];
    await expectNothingLeft({ admin, databases: onlookers, pools: [orders.pool, stock.pool] });
  });

  afterAll(async () => {
    unary?.[Symbol.dispose]();
    await shop?.[Symbol.asyncDispose]();
  });

  describe('a resource manager', () => {
    test('that was never served', async () => {
      const id = freshId();
      const { tm } = shop.orders;
      const database = postgres({ rm: 'spare-db', pg, connectionString: shop.databases.ordersUrl });
      const queue = sqliteQueue({ rm: 'spare', file: shop.queueFile, Database });
      const mailer = defineResource({ rm: 'mailer', apply: () => {} });
      const insert = 'insert into orders (id, gid, portions) values ($1, $2, 1)';
      const writes = [
        () => database.pool.query(insert, [id, 'outside of any transaction']),
        () => queue.publish('topic', {}),
        () => mailer.write({}),
      ];
      for (const write of writes) {
        const error = await failureOf(tm.transaction(async () => void (await write())));
        expect(error).toMatchObject({
          code: 'unknown-rm',
          message: expect.stringMatching(/^(spare-db|spare|mailer) is not served/),
          hint: 'Serve the resource manager first: tm.serve(resource).',
        });
      }
      await database.close();
      expect(await countOf(id)).toBe(0);
    });

    test('of another client', async () => {
      const id = freshId();
      const placing = shop.orders.tm.transaction(async () => {
        await shop.orders.insert(id);
        await shop.stock.insert({ orderId: id, dish: '', portions: 1 });
      });
      expect(await failureOf(placing)).toMatchObject({
        code: 'unknown-rm',
        message: 'stock-db belongs to another TransactionClient',
        hint: 'Serve the resource by the client whose transaction() is open.',
      });
      expect(await countOf(id)).toBe(0);
    });

    test('that nobody ever served, in an Enlist of the unary API', async () => {
      const begun = await unary.begin(300);
      expect(await failureOf(unary.enlist(begun, 'nobody', {}))).toMatchObject({
        code: 'unknown-rm',
        message: 'rm: no connected process serves "nobody"',
        hint: 'Serve the resource manager first: tm.serve(resource).',
      });
    });

    test('that nobody serves now, in an Enlist of the unary API', async () => {
      const passing = new TransactionClient({ address: shop.coordinator.address });
      await passing.serve(defineResource({ rm: 'passing', apply: () => {}, takesWork: true }));
      await passing.close();
      const begun = await unary.begin(300);
      expect(await failureOf(unary.enlist(begun, 'passing', {}))).toMatchObject({
        code: 'rm-not-served',
        message: 'rm: no connected process serves "passing"',
        hint: 'Start a process that serves this resource manager.',
        retryable: true,
      });
    });

    test('whose name stands for another database already', async () => {
      const { stockUrl: connectionString } = shop.databases;
      await using tm = new TransactionClient({ address: shop.coordinator.address });
      const serving = tm.serve(postgres({ rm: 'orders-db', pg, connectionString }));
      expect(await failureOf(serving)).toMatchObject({
        code: 'rm-identity-mismatch',
        message: expect.stringMatching(/orders-db stands for .*:orders, .* brings .*:stock$/),
        hint: expect.stringContaining('Give each its own name'),
      });
    });
  });

  describe('a gid', () => {
    test.each([["' or 1=1; --"], [''], ['un1.0123456789ab-1-1'], ['0123456789ab-0-1']])(
      'that is none: %j',
      async (gid) => {
        const expected = {
          code: 'malformed-gid',
          message: `not a gid: ${JSON.stringify(gid)}`,
          hint: expect.stringContaining('LOGID-EPOCH-COUNTER'),
        };
        expect(await failureOf(shop.orders.tm.outcome(gid))).toMatchObject(expected);
        expect(await failureOf(unary.commit({ gid, owner: '' }))).toMatchObject(expected);
        const id = freshId();
        const headers = { 'unanimous-gid': gid };
        expect(await reserveByHttp(id, { headers })).toBe('500 malformed-gid');
        expect(await countOf(id)).toBe(0);
      },
    );

    test('that another coordinator made', async () => {
      const gid = '0123456789ab-1-1';
      const expected = {
        code: 'foreign-gid',
        message: expect.stringContaining('is of log 0123456789ab; this is '),
        hint: 'Another coordinator made this gid. Ask that one.',
      };
      expect(await failureOf(shop.orders.tm.outcome(gid))).toMatchObject(expected);
      expect(await failureOf(unary.commit({ gid, owner: '' }))).toMatchObject(expected);
      const id = freshId();
      const headers = { 'unanimous-gid': gid, 'unanimous-remaining-ms': '500' };
      expect(await reserveByHttp(id, { headers })).toBe('500 foreign-gid');
      expect(await countOf(id)).toBe(0);
    });

    test('that was never given out', async () => {
      const { value: gid } = await shop.orders.tm.transaction((transaction) => transaction.gid);
      const unborn = gid.replace(/\d+$/, '4000000000');
      expect(await failureOf(shop.orders.tm.outcome(unborn))).toMatchObject({
        code: 'not-live',
        message: `no transaction ${unborn} was ever begun here`,
        hint: expect.stringContaining('Begin a new one'),
      });
    });

    test('is joined twice by one service: one branch, and both writes commit', async () => {
      const [first, second] = [freshId(), freshId()];
      const { gid } = await shop.orders.tm.transaction(async () => {
        await shop.orders.insert(first);
        await shop.caller.reserve(first);
        await shop.caller.reserve(second);
      });
      const { branches } = await shop.admin.show(gid);
      expect(branches.map(({ rm }) => rm)).toEqual(['orders-db', 'stock-db']);
      expect([await countOf(first), await countOf(second)]).toEqual([2, 1]);
    });

    test('is committed twice: the same answer, or a refusal, and one order', async () => {
      const id = freshId();
      const transaction = await shop.orders.tm.begin();
      await transaction.run(() => shop.orders.insert(id));
      await transaction.commit();
      expect(await failureOf(transaction.commit())).toMatchObject({
        code: 'work-after-end',
        message: `transaction ${transaction.gid} is over`,
        hint: 'The transaction is over. Await all work before its function returns.',
      });
      expect(await countOf(id)).toBe(1);

      const begun = await unary.begin();
      await unary.enlist(begun, 'events', { topic: 'other', message: { id } });
      const outcome = await unary.commit(begun);
      expect(outcome).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: true });
      expect(await unary.commit(begun)).toEqual(outcome);
    });
  });

  describe('work after the end', () => {
    test('in a transaction that was committed', async () => {
      const id = freshId();
      const { tm, pool } = shop.orders;
      const transaction = await tm.begin();
      const later = await transaction.run(() => AsyncResource.bind(() => shop.orders.insert(id)));
      await transaction.commit();
      expect(await failureOf(later())).toMatchObject({
        code: 'work-after-end',
        message: expect.stringMatching(/^transaction .* is over: insert into orders/),
        hint: expect.stringContaining('Await all work'),
      });
      expect(await failureOf(transaction.run(() => pool.query('select 1')))).toMatchObject({
        code: 'work-after-end',
      });
      expect(await countOf(id)).toBe(0);
    });

    test('begun after its function had returned', async () => {
      const id = freshId();
      const transaction = await shop.orders.tm.begin();
      const later = await transaction.run(async () => {
        await shop.orders.insert(id);
        return AsyncResource.bind(() => shop.orders.insert(freshId()));
      });
      expect(await failureOf(later())).toMatchObject({
        code: 'work-after-end',
        message: expect.stringContaining('work began after its function had answered'),
      });
      expect(await failureOf(transaction.commit())).toMatchObject({
        code: 'aborted',
        reason: { code: 'work-after-end' },
        hint: expect.stringContaining('Await all work'),
      });
      expect(await countOf(id)).toBe(0);
    });

    test('in a service that is called with the gid of an ended transaction', async () => {
      const id = freshId();
      let headers = {};
      const { gid } = await shop.orders.tm.transaction(async () => {
        headers = transactionHeaders();
        await shop.orders.insert(freshId());
      });
      expect(await reserveByHttp(id, { headers })).toBe('500 not-live');
      expect(await countOf(id)).toBe(0);
      expect(await shop.orders.tm.outcome(gid)).toMatchObject({ outcome: 'committed' });
    });

    test('as an Enlist of the unary API', async () => {
      const begun = await unary.begin();
      await unary.commit(begun);
      const late = unary.enlist(begun, 'events', { topic: 'other', message: {} });
      expect(await failureOf(late)).toMatchObject({
        code: 'not-live',
        message: expect.stringContaining(`transaction ${begun.gid} is committed`),
        hint: 'The transaction has ended, or never began here. Begin a new one.',
      });
    });
  });

  test('a commit by somebody who did not begin', async () => {
    const id = freshId();
    await using transaction = await shop.orders.tm.begin();
    await transaction.run(() => shop.orders.insert(id));
    const expected = {
      code: 'not-owner',
      message: `transaction ${transaction.gid} was begun by somebody else`,
      hint: 'Only the session (or the holder of the secret) that began it may do this.',
    };
    const stolen = { gid: transaction.gid, owner: 'a guess' };
    expect(await failureOf(unary.commit(stolen))).toMatchObject(expected);
    expect(await countOf(id)).toBe(0);
    const begun = await unary.begin(300);
    expect(await failureOf(unary.commit({ ...begun, owner: '' }))).toMatchObject({
      code: 'not-owner',
    });
    expect(await transaction.commit()).toMatchObject({ outcome: 'committed' });
    expect(await countOf(id)).toBe(1);
  });

  describe('a service', () => {
    test('that answers before its write has enlisted', async () => {
      const id = freshId();
      const insert = shop.stock.handle;
      shop.stock.handle = async (reservation) => {
        insert(reservation).catch(() => undefined); // not awaited
      };
      const placing = shop.orders.tm.transaction(async () => {
        await shop.orders.insert(id);
        await shop.caller.reserve(id);
      });
      expect(await failureOf(placing)).toMatchObject({
        code: 'answered-before-enlisted',
        message: '1 calls were not awaited',
        hint: 'Await every write before the handler answers.',
      });
      expect(await countOf(id)).toBe(0);
    });

    test('that still works when its caller has given up waiting, by gRPC', async () => {
      const id = freshId();
      let cancelled = false;
      shop.stock.onCancelled = () => {
        cancelled = true;
      };
      shop.stock.handle = async (reservation) => {
        await shop.stock.insert(reservation);
        await shop.stock.pool.query('select pg_sleep(30)');
      };
      const placing = shop.orders.tm.transaction(async () => {
        await shop.orders.insert(id);
        await shop.caller.reserve(id, 400).catch(() => 'a caller that does not mind');
        await waitUntil(() => cancelled, { what: 'the service to hear of it' });
      });
      expect(await failureOf(placing)).toMatchObject({
        code: 'aborted',
        message: expect.stringContaining('the caller went away before the answer'),
        reason: { code: 'cancelled', rm: 'stock-db' },
        hint: 'Await the call, and give it time enough, before the commit.',
      });
      expect(await countOf(id)).toBe(0);
    });

    test('that still works when its caller has given up waiting, by HTTP', async () => {
      const id = freshId();
      let letGo: () => void = () => {};
      const held = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      let inserted = false;
      shop.stock.handle = async (reservation) => {
        await shop.stock.insert(reservation);
        inserted = true;
        await held;
      };
      const placing = shop.orders.tm.transaction(async () => {
        await shop.orders.insert(id);
        const giveUp = new AbortController();
        const url = `${shop.stock.url}?order=${id}`;
        const call = transactionFetch(url, { method: 'POST', signal: giveUp.signal });
        await waitUntil(() => inserted, { what: 'the service to work' });
        giveUp.abort();
        await call.catch(() => 'a caller that does not mind');
      });
      expect(await failureOf(placing)).toMatchObject({
        code: 'aborted',
        message: expect.stringContaining('a function still works in the transaction'),
        reason: { code: 'handler-running', rm: 'stock-db', retryable: true },
        hint: 'A called service was still working. Await the call before the commit.',
      });
      letGo();
      expect(await countOf(id)).toBe(0);
    });
  });

  describe('a function', () => {
    test('that does not await a statement', async () => {
      const id = freshId();
      const { tm, pool } = shop.orders;
      const placing = tm.transaction(async () => {
        await shop.orders.insert(id);
        pool.query('select pg_sleep(0.01)').catch(() => undefined); // not awaited
      });
      expect(await failureOf(placing)).toMatchObject({
        code: 'aborted',
        message: expect.stringMatching(/not awaited|still running: select pg_sleep/),
        reason: { code: 'statement-running' },
        hint: 'A statement was not awaited. Await everything inside transaction().',
      });
      expect(await countOf(id)).toBe(0);
    });

    test('that calls transaction() or begin() inside of one', async () => {
      const id = freshId();
      const { tm } = shop.orders;
      for (const nested of [() => tm.transaction(() => {}), () => tm.begin()]) {
        const placing = tm.transaction(async () => {
          await shop.orders.insert(id);
          await nested();
        });
        expect(await failureOf(placing)).toMatchObject({
          code: 'nested-transaction',
          message: expect.stringMatching(/^transaction .* is open here$/),
          hint: 'A transaction is already open here. Write in that one.',
        });
      }
      expect(await countOf(id)).toBe(0);
      const independent = tm.transaction(() => outsideTransaction(() => tm.transaction(() => {})));
      expect(await independent).toMatchObject({ outcome: 'committed' });
    });

    test('that never returns', async () => {
      const id = freshId();
      const placing = shop.orders.tm.transaction(
        async () => {
          await shop.orders.insert(id);
          await new Promise(() => {});
        },
        { timeoutMs: 300 },
      );
      expect(await failureOf(placing)).toMatchObject({
        code: 'aborted',
        message: expect.stringContaining('the deadline passed before the decision'),
        reason: { code: 'timeout', retryable: true },
        hint: expect.stringContaining('raise timeoutMs'),
      });
      expect(await countOf(id)).toBe(0);
    });

    test('whose statement never returns', async () => {
      const id = freshId();
      const { tm, pool } = shop.orders;
      const placing = tm.transaction(
        async () => {
          await shop.orders.insert(id);
          await pool.query('select pg_sleep(60)');
        },
        { timeoutMs: 300 },
      );
      expect(await failureOf(placing)).toMatchObject({
        code: 'aborted',
        reason: { code: 'timeout' },
      });
      expect(await countOf(id)).toBe(0);
    });
  });

  describe('SQL that ends the transaction by itself:', () => {
    test.each([
      ['commit'],
      ['rollback'],
      ["prepare transaction 'mine'"],
      ["commit prepared 'mine'"],
      ['commit and chain'],
      ["insert into orders values ('stowaway', '', 1); commit"],
      ['select 1; rollback; begin'],
      ["select 'begin'; /* commit */ prepare transaction 'mine'; select 2"],
    ])('%s', async (sql) => {
      const id = freshId();
      const { tm, pool } = shop.orders;
      const placing = tm.transaction(async () => {
        await shop.orders.insert(id);
        await pool.query(sql);
      });
      expect(await failureOf(placing)).toMatchObject({
        code: 'transaction-control',
        message: expect.stringContaining('orders-db: '),
        hint: expect.stringContaining('Inside a transaction the SDK ends the branch.'),
      });
      expect([await countOf(id), await countOf('stowaway')]).toEqual([0, 0]);
    });

    test('past our eyes, in a DO block', async () => {
      const id = freshId();
      const { tm, pool } = shop.orders;
      const placing = tm.transaction(async () => {
        await shop.orders.insert(id);
        await pool.query('do $$ begin commit; end $$');
      });
      await expect(placing).rejects.toThrow(/invalid transaction termination/);
      expect(await countOf(id)).toBe(0);
    });
  });

  test('a deferred constraint that fails at prepare', async () => {
    const [id, twin] = [freshId(), freshId()];
    const { tm, pool } = shop.orders;
    const redeem = 'insert into orders (id, gid, portions, voucher) values ($1, $2, 1, $3)';
    const placing = tm.transaction(async ({ gid }) => {
      await pool.query(redeem, [id, gid, 'free-ramen']);
      await pool.query(redeem, [twin, gid, 'free-ramen']);
      await shop.caller.reserve(id);
    });
    expect(await failureOf(placing)).toMatchObject({
      code: 'aborted',
      message: expect.stringContaining('orders_voucher_key'),
      reason: { code: 'constraint-violated', rm: 'orders-db', retryable: false },
      hint: 'A constraint refused the data at prepare or before.',
    });
    expect([await countOf(id), await countOf(twin)]).toEqual([0, 0]);
  });

  test('a payload over the limit', async () => {
    const id = freshId();
    const { tm } = shop.orders;
    const archive = await tm.serve(
      defineResource<string>({ rm: 'archive', apply: () => {}, maxPayloadBytes: 10_000_000 }),
    );
    const placing = tm.transaction(async () => {
      await shop.orders.insert(id);
      await archive.write('x'.repeat(300_000));
    });
    expect(await failureOf(placing)).toMatchObject({
      code: 'aborted',
      message: expect.stringMatching(/payload has 3\d{5} bytes, the limit is 262144/),
      reason: { code: 'payload-too-large', rm: 'archive' },
      hint: 'Store the payload elsewhere and send a reference, or raise the limit.',
    });
    expect(await countOf(id)).toBe(0);
  });

  test('a client of another protocol', async () => {
    using stranger = new Unary(shop.coordinator.address, { 'unanimous-protocol': '2' });
    expect(await failureOf(stranger.begin())).toMatchObject({
      code: 'unsupported-protocol',
      message: 'the call speaks protocol 2, the coordinator speaks 1 to 1',
      hint: 'Upgrade the older side; the message says which versions it speaks.',
    });
  });
});

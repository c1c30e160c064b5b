import { type LogId, reason } from '@unanimous/proto';
import Database from 'better-sqlite3';
import { renameSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sqliteQueue, type SqliteQueue } from '../../../participant-sdk/src/sqlite-queue/index.ts';
import { QueueFixture } from './queue-fixture.ts';

describe('a transaction over a queue', () => {
  test('shows its messages when it commits, never before', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const reader = await fixture.reader();
    const transaction = await fixture.coordinator.begin(async () => {
      await queue.publish('orders', { id: 7 }, { headers: { kind: 'placed' } });
      await queue.publish('mails', 'hello');
    });
    expect(await reader.receive({ topic: 'orders' })).toEqual([]);
    await transaction.prepare();
    expect(await reader.receive({ topic: 'orders' })).toEqual([]);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);

    const [order] = await reader.receive({ topic: 'orders', max: 9 });
    const { gid } = transaction;
    expect(order).toEqual({
      id: `${gid}/1/0`,
      topic: 'orders',
      body: { id: 7 },
      headers: { kind: 'placed', 'unanimous-gid': gid, 'unanimous-position': '1.1.0' },
      gid,
      position: { epoch: 1, seq: 1, index: 0 },
      sequence: 1,
      deliveries: 1,
      committedAtMs: fixture.nowMs,
      lease: expect.any(String),
    });
    expect(await reader.receive({ topic: 'mails' })).toMatchObject([{ id: `${gid}/1/1` }]);
  });

  test('that aborts leaves no message', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const reader = await fixture.reader();
    const transaction = await fixture.coordinator.begin(() => queue.publish('orders', 1));
    await transaction.prepare();
    expect(await transaction.abort()).toEqual([{ result: 'rolled-back' }]);
    expect(await reader.receive({ topic: 'orders' })).toEqual([]);
    expect(fixture.sql('select count(*) from unanimous_prepared')).toBe(0);
  });

  test('orders messages by commit, not by prepare', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const reader = await fixture.reader();
    const first = await fixture.coordinator.begin(() => queue.publish('orders', 'prepared first'));
    const second = await fixture.coordinator.begin(() => queue.publish('orders', 'prepared last'));
    await first.prepare();
    await second.prepare();
    await second.commit();
    await first.commit();
    const messages = await reader.receive({ topic: 'orders', max: 2 });
    expect(messages.map(({ body }) => body)).toEqual(['prepared last', 'prepared first']);
  });

  test('hides a delayed message for its delay, counted from the commit', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const reader = await fixture.reader();
    await fixture.coordinator.commit(() => queue.publish('orders', 1, { delayMs: 1_000 }));
    expect(await reader.receive({ topic: 'orders' })).toEqual([]);
    fixture.nowMs += 1_000;
    expect(await reader.receive({ topic: 'orders' })).toHaveLength(1);
  });

  test('keeps what was published, whatever the caller does to it later', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const reader = await fixture.reader();
    await fixture.coordinator.commit(async () => {
      const order = { id: 1 };
      const published = queue.publish('orders', order);
      order.id = 2;
      await published;
    });
    expect(await reader.receive({ topic: 'orders' })).toMatchObject([{ body: { id: 1 } }]);
  });

  test('votes once prepared on disk; many votes of one turn share one fsync', async () => {
    await using fixture = new QueueFixture();
    let transactions = 0;
    class Counting extends Database {
      override exec(text: string) {
        if (text === 'COMMIT') transactions++;
        return super.exec(text);
      }
    }
    const queue = await fixture.writer({ Database: Counting });
    const open = await Promise.all(
      Array.from({ length: 20 }, (_, n) => fixture.coordinator.begin(() => queue.publish('t', n))),
    );
    transactions = 0;
    await Promise.all(open.map((transaction) => transaction.prepare()));
    expect(transactions).toBe(1);
    expect(fixture.sql('select count(*) from unanimous_prepared')).toBe(20);
  });
});

describe('publish', () => {
  test('outside of a transaction is refused', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    await expect(queue.publish('t', 1)).rejects.toMatchObject({ code: 'no-transaction' });
  });

  test('to a queue that is not served is refused', async () => {
    const queue = sqliteQueue({ rm: 'events', file: '/nowhere/queue.db', Database });
    await expect(queue.publish('t', 1)).rejects.toMatchObject({ code: 'unknown-rm' });
  });

  test.each<[string, (queue: SqliteQueue) => Promise<void>]>([
    ['topic', (queue) => queue.publish('', 1)],
    ['topic', (queue) => queue.publish('x'.repeat(256), 1)],
    ['delayMs', (queue) => queue.publish('t', 1, { delayMs: -1 })],
    ['delayMs', (queue) => queue.publish('t', 1, { delayMs: 0.5 })],
    ['headers', (queue) => queue.publish('t', 1, { headers: { a: 1 as never } })],
    ['message.n', (queue) => queue.publish('t', { n: Number.NaN })],
    ['message', (queue) => queue.publish('t', undefined)],
  ])('with a wrong %s names it', async (field, publish) => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const publishing = fixture.coordinator.begin(() => publish(queue));
    await expect(publishing).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(new RegExp(`^${field}: `)),
    });
  });
});

describe('phase two', () => {
  test('is idempotent, and a commit is told from a rollback and from a branch never seen', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const begin = () => fixture.coordinator.begin(() => queue.publish('t', 1));
    const committed = await begin();
    const aborted = await begin();
    const unprepared = await begin();
    await committed.prepare();
    await aborted.prepare();
    await committed.commit();
    await aborted.abort();

    expect(await committed.commit()).toEqual([{ result: 'committed' }]);
    expect(fixture.sql('select count(*) from unanimous_messages')).toBe(1);
    expect(await aborted.abort()).toEqual([{ result: 'rolled-back' }]);
    expect(await aborted.commit()).toEqual([{ result: 'rolled-back' }]);
    expect(await committed.abort()).toEqual([{ result: 'committed' }]);
    const never = queue.commit(unprepared.id(queue), unprepared.decided(queue));
    expect(await never).toMatchObject({ result: 'unknown', reason: { code: 'heuristic' } });
  });

  test('settle says what the file says', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const transaction = await fixture.coordinator.begin(() => queue.publish('t', 1));
    const id = transaction.id(queue);
    expect(await queue.settle(id, '')).toMatchObject({ result: 'unknown' });
    await transaction.prepare();
    expect(await queue.settle(id, '')).toEqual({ result: 'in-progress' });
    await transaction.commit();
    expect(await queue.settle(id, '')).toEqual({ result: 'committed' });
  });

  test('may be done by another process that serves the same file', async () => {
    await using fixture = new QueueFixture();
    const here = await fixture.writer();
    const there = await fixture.writer();
    const transaction = await fixture.coordinator.begin(() => here.publish('t', 1));
    await transaction.prepare();
    const finished = await there.commit(transaction.id(here), transaction.decided(here));
    expect(finished).toEqual({ result: 'committed' });
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    expect(fixture.sql('select count(*) from unanimous_messages')).toBe(1);
  });

  test('an abort that overtakes its prepare makes that impossible', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const transaction = await fixture.coordinator.begin(() => queue.publish('t', 1));
    expect(await queue.abort(transaction.id(queue), '')).toEqual({ result: 'rolled-back' });
    await expect(transaction.prepare()).rejects.toMatchObject({ code: 'not-live' });
    expect(await queue.scan()).toEqual([]);
  });

  test('a rollback during the prepare leaves nothing and votes no', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const transaction = await fixture.coordinator.begin(() => queue.publish('t', 1));
    const vote = transaction.prepare();
    await transaction.branch(queue).rollback();
    await expect(vote).rejects.toMatchObject({ code: 'work-after-end' });
    expect(await queue.scan()).toEqual([]);
  });

  test('a rollback that comes with the write undoes what it has written', async () => {
    await using fixture = new QueueFixture();
    let isWriting = (): void => {};
    const now = () => {
      isWriting();
      return fixture.nowMs;
    };
    const queue = await fixture.writer({ now });
    const transaction = await fixture.coordinator.begin(() => queue.publish('t', 1));
    isWriting = () => void transaction.branch(queue).rollback();
    await expect(transaction.prepare()).rejects.toMatchObject({ code: 'work-after-end' });
    expect(await queue.scan()).toEqual([]);
  });

  test('prepared rows that were deleted by hand keep the commit pending, and say so', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const transaction = await fixture.coordinator.begin(async () => {
      await queue.publish('t', 1);
      await queue.publish('t', 2);
    });
    await transaction.prepare();
    fixture.exec('delete from unanimous_prepared where position = 1');
    await expect(transaction.commit()).rejects.toThrow('1 of its 2 prepared messages');
    expect(fixture.sql('select count(*) from unanimous_messages')).toBe(0);
    fixture.exec('delete from unanimous_branches');
    expect(await transaction.commit()).toMatchObject([{ result: 'unknown' }]);
  });

  test('a commit for what was prepared in another file is a hazard', async () => {
    await using here = new QueueFixture();
    await using there = new QueueFixture();
    const queue = await here.writer();
    const other = await there.writer();
    const transaction = await here.coordinator.begin(() => queue.publish('t', 1));
    await transaction.prepare();
    const finished = await other.commit(transaction.id(queue), transaction.decided(queue));
    expect(finished).toMatchObject({
      result: 'unknown',
      reason: { code: reason('heuristic', '').code, message: expect.stringContaining(there.file) },
    });
  });
});

describe('scan', () => {
  test('lists the prepared branches of its name, whoever prepared them', async () => {
    await using fixture = new QueueFixture();
    const here = await fixture.writer();
    const there = await fixture.writer();
    const other = await fixture.writer({ rm: 'other' });
    const transaction = await fixture.coordinator.begin(async () => {
      await there.publish('t', 1);
      await other.publish('t', 2);
    });
    await transaction.prepare();
    expect(await here.scan()).toEqual([transaction.id(there)]);
    expect(await other.scan()).toEqual([transaction.id(other)]);
    await transaction.commit();
    expect(await here.scan()).toEqual([]);
  });
});

describe('receipts', () => {
  async function twoCommits(fixture: QueueFixture, queue: SqliteQueue) {
    const first = await fixture.coordinator.commit(() => queue.publish('t', 1));
    const second = await fixture.coordinator.begin(() => queue.publish('t', 2));
    await second.prepare();
    return { first, second };
  }

  test('of commits stay until the low-water mark has passed, however old', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const { first, second } = await twoCommits(fixture, queue);
    fixture.nowMs += 365 * 86_400_000;
    await second.commit(1); // seq 1 is not below 1
    expect(await first.commit()).toEqual([{ result: 'committed' }]);
  });

  test('of commits go below the low-water mark, once nothing can be on its way', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer({ keepReceiptsMs: 60_000 });
    const { first, second } = await twoCommits(fixture, queue);
    fixture.nowMs += 59_000;
    await second.commit(2);
    expect(await first.commit()).toEqual([{ result: 'committed' }]);
    fixture.nowMs += 2_000;
    await second.commit(2);
    expect(await queue.settle(first.id(queue), '')).toMatchObject({ result: 'unknown' });
    expect(await queue.settle(second.id(queue), '')).toEqual({ result: 'committed' });
  });

  test('of another log are not touched by this log’s low-water mark', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer({ keepReceiptsMs: 0 });
    const { first, second } = await twoCommits(fixture, queue);
    fixture.exec(`update unanimous_branches set log_id = 'ffffffffffff' where state = 'committed'`);
    fixture.nowMs += 10_000;
    await second.commit(9);
    expect(await queue.settle(first.id(queue), '')).toEqual({ result: 'committed' });
  });
});

describe('the file', () => {
  test('says who it is, and keeps that', async () => {
    await using fixture = new QueueFixture();
    const first = await fixture.writer();
    const second = await fixture.writer();
    const identity = await first.open();
    expect(identity.identity).toMatch(/^sqlite-queue:[0-9a-f]{16}$/);
    expect(identity.incarnation).toBe('1');
    expect(await second.open()).toEqual(identity);
    fixture.exec(`update unanimous_queue set value = value + 1 where key = 'incarnation'`);
    const restored = await fixture.writer();
    expect(await restored.open()).toEqual({ ...identity, incarnation: '2' });
  });

  test('remembers the highest position of each log', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const logId = fixture.coordinator.logId;
    expect(await queue.remembered(logId)).toBeUndefined();
    const position = { logId, epoch: 2, nonce: 'ab', seq: 9, chain: 'c0' };
    await queue.remember(position);
    await queue.remember({ ...position, seq: 8, chain: 'old' });
    await queue.remember({ ...position, logId: 'ffffffffffff' as LogId, seq: 1 });
    expect(await queue.remembered(logId)).toEqual(position);
    await queue.remember({ ...position, epoch: 3, seq: 10 });
    expect(await (await fixture.writer()).remembered(logId)).toMatchObject({ epoch: 3, seq: 10 });
  });

  test('that is moved away under a running process stops it, and is not made anew', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const transaction = await fixture.coordinator.begin(() => queue.publish('t', 1));
    await transaction.prepare();
    renameSync(fixture.file, `${fixture.file}.away`);
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'rm-unavailable' });
    renameSync(`${fixture.file}.away`, fixture.file);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
  });

  test('that is replaced by another queue is refused', async () => {
    await using fixture = new QueueFixture();
    await using other = new QueueFixture();
    const queue = await fixture.writer();
    const transaction = await fixture.coordinator.begin(() => queue.publish('t', 1));
    await (await other.writer()).close();
    renameSync(other.file, fixture.file);
    for (const suffix of ['-wal', '-shm']) rmSync(fixture.file + suffix);
    await expect(transaction.prepare()).rejects.toMatchObject({ code: 'rm-identity-mismatch' });
  });
});

describe('work handed to the coordinator', () => {
  test('is a topic and a message as JSON', async () => {
    await using fixture = new QueueFixture();
    const queue = await fixture.writer();
    const reader = await fixture.reader();
    const { gid } = await fixture.coordinator.begin(async () => {});
    const id = { gid, branch: 2, rm: 'events', incarnation: '1' };
    const work = Buffer.from(
      JSON.stringify({ topic: 't', message: { a: 1 }, headers: { b: 'c' } }),
    );
    const branch = await queue.acceptWork(id, work);
    expect(await branch.prepare()).toMatchObject({ vote: 'yes' });
    const decided = { receipt: '', redo: new Uint8Array(), epoch: 1, seq: 1, lowWaterSeq: 0 };
    await queue.commit(id, decided);
    expect(await reader.receive({ topic: 't' })).toMatchObject([
      { id: `${gid}/2/0`, body: { a: 1 }, headers: { b: 'c' } },
    ]);
  });

  test.each(['{', 'null', '7', '{"message":1}', '{"topic":"t"}', '{"topic":7,"message":1}'])(
    'is refused when it is %s',
    async (text) => {
      await using fixture = new QueueFixture();
      const queue = await fixture.writer();
      const { gid } = await fixture.coordinator.begin(async () => {});
      const id = { gid, branch: 1, rm: 'events', incarnation: '1' };
      await expect(queue.acceptWork(id, Buffer.from(text))).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    },
  );
});

test('a queue that was closed can be served again', async () => {
  await using fixture = new QueueFixture();
  const queue = await fixture.writer();
  const transaction = await fixture.coordinator.begin(() => queue.publish('t', 1));
  await transaction.prepare();
  await queue.close();
  await expect(transaction.commit()).rejects.toMatchObject({ code: 'unknown-rm' });
  await fixture.coordinator.serve(queue);
  expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
});

test('a queue never commits in one phase', async () => {
  await using fixture = new QueueFixture();
  const queue = await fixture.writer();
  const transaction = await fixture.coordinator.begin(() => queue.publish('t', 1));
  expect(queue.canOnePhase).toBe(false);
  await expect(transaction.branch(queue).ready()).rejects.toMatchObject({ code: 'internal' });
});

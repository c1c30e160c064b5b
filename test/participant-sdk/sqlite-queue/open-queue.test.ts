import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Queue } from '../../../participant-sdk/src/sqlite-queue/index.ts';
import { commandOrSkip, commandPath } from '../../servers/require-server.ts';
import { QueueFixture } from './queue-fixture.ts';

/** A queue with messages 1 to `count` in topic `t`. */
async function filled(count: number, options: Parameters<QueueFixture['reader']>[0] = {}) {
  const fixture = new QueueFixture();
  const writer = await fixture.writer();
  const publishAll = async () => {
    for (let n = 1; n <= count; n++) await writer.publish('t', n);
  };
  if (count > 0) await fixture.coordinator.commit(publishAll);
  return { fixture, writer, reader: await fixture.reader(options) };
}

async function receiveOne(reader: Queue, visibilityMs = 1_000) {
  const [message] = await reader.receive({ topic: 't', visibilityMs });
  if (!message) throw new Error('nothing to receive');
  return message;
}

describe('receive', () => {
  test('gives the oldest first, at most as many as asked for, each to one reader', async () => {
    const { fixture, reader } = await filled(5);
    await using _ = fixture;
    const other = await fixture.reader();
    const mine = await reader.receive({ topic: 't', max: 2 });
    const theirs = await other.receive({ topic: 't', max: 9 });
    expect(mine.map(({ body }) => body)).toEqual([1, 2]);
    expect(theirs.map(({ body }) => body)).toEqual([3, 4, 5]);
  });

  test('of another topic or of none gives nothing', async () => {
    const { fixture, reader } = await filled(1);
    await using _ = fixture;
    expect(await reader.receive({ topic: 'other' })).toEqual([]);
  });

  test('side by side never gives a message twice', async () => {
    const { fixture } = await filled(40);
    await using _ = fixture;
    const readers = await Promise.all(Array.from({ length: 4 }, () => fixture.reader()));
    const received = await Promise.all(
      readers.flatMap((reader) =>
        Array.from({ length: 5 }, () => reader.receive({ topic: 't', max: 2 })),
      ),
    );
    const bodies = received.flatMap((messages) => messages.map(({ body }) => body));
    expect(bodies.toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 40 }, (_n, n) => n + 1),
    );
  });

  test.each([
    ['max', { topic: 't', max: 0 }],
    ['visibilityMs', { topic: 't', visibilityMs: -1 }],
    ['visibilityMs', { topic: 't', visibilityMs: Number.NaN }],
  ])('with a wrong %s names it', async (field, request) => {
    const { fixture, reader } = await filled(0);
    await using _ = fixture;
    await expect(reader.receive(request)).rejects.toThrow(`${field}: `);
  });
});

describe('a lease', () => {
  test('that is acknowledged ends the message, once', async () => {
    const { fixture, reader } = await filled(1);
    await using _ = fixture;
    const message = await receiveOne(reader);
    expect(await reader.acknowledge(message)).toBe(true);
    expect(await reader.acknowledge(message)).toBe(false);
    fixture.nowMs += 10_000;
    expect(await reader.receive({ topic: 't' })).toEqual([]);
  });

  test('that ran out gives the message again, and fences the first reader', async () => {
    const { fixture, reader } = await filled(1);
    await using _ = fixture;
    const first = await receiveOne(reader);
    fixture.nowMs += 999;
    expect(await reader.receive({ topic: 't' })).toEqual([]);
    fixture.nowMs += 1;
    expect(await reader.acknowledge(first)).toBe(false); // run out, though nobody took it
    const second = await receiveOne(reader);
    expect(second).toMatchObject({ id: first.id, deliveries: 2 });
    expect(await reader.acknowledge(first)).toBe(false);
    expect(await reader.extend(first, 1_000)).toBe(false);
    expect(await reader.release(first)).toBe(false);
    expect(await reader.bury(first, 'no')).toBe(false);
    expect(await reader.acknowledge(second)).toBe(true);
  });

  test('can be extended while it lasts', async () => {
    const { fixture, reader } = await filled(1);
    await using _ = fixture;
    const message = await receiveOne(reader);
    fixture.nowMs += 900;
    expect(await reader.extend(message, 1_000)).toBe(true);
    fixture.nowMs += 900;
    expect(await reader.receive({ topic: 't' })).toEqual([]);
    expect(await reader.acknowledge(message)).toBe(true);
  });

  test('that is released gives the message to the next reader, at its old place', async () => {
    const { fixture, reader } = await filled(2);
    await using _ = fixture;
    const message = await receiveOne(reader);
    expect(await reader.release(message)).toBe(true);
    expect(await reader.acknowledge(message)).toBe(false);
    expect(await receiveOne(reader)).toMatchObject({ id: message.id, deliveries: 2 });
  });

  test('that is released with a delay hides the message for it', async () => {
    const { fixture, reader } = await filled(1);
    await using _ = fixture;
    await reader.release(await receiveOne(reader), { delayMs: 5_000 });
    fixture.nowMs += 4_999;
    expect(await reader.receive({ topic: 't' })).toEqual([]);
    fixture.nowMs += 1;
    expect(await reader.receive({ topic: 't' })).toHaveLength(1);
  });

  test('does not outlive a clock that was set back', async () => {
    const { fixture, reader } = await filled(1);
    await using _ = fixture;
    const message = await receiveOne(reader);
    fixture.nowMs -= 3_600_000;
    expect(await receiveOne(reader)).toMatchObject({ id: message.id, deliveries: 2 });
    expect(await reader.acknowledge(message)).toBe(false);
  });
});

describe('a dead letter', () => {
  test('is what was delivered too often', async () => {
    const { fixture, reader } = await filled(2, { maxDeliveries: 2 });
    await using _ = fixture;
    for (let n = 0; n < 2; n++) {
      expect((await receiveOne(reader)).body).toBe(1);
      fixture.nowMs += 1_000;
    }
    expect((await receiveOne(reader)).body).toBe(2);
    expect(await reader.deadLetters({ topic: 't' })).toMatchObject([
      { body: 1, deliveries: 2, reason: 'delivered 2 times, never acknowledged' },
    ]);
  });

  test('keeps the last error as its reason', async () => {
    const { fixture, reader } = await filled(1, { maxDeliveries: 1 });
    await using _ = fixture;
    await reader.release(await receiveOne(reader), { error: 'no such order' });
    const [letter] = await reader.deadLetters<number>({ topic: 't' });
    expect(letter).toMatchObject({ reason: 'no such order', diedAtMs: fixture.nowMs });
    expect(letter).not.toHaveProperty('lease');
  });

  test('can be made at once', async () => {
    const { fixture, reader } = await filled(1);
    await using _ = fixture;
    expect(await reader.bury(await receiveOne(reader), 'not an order')).toBe(true);
    expect(await reader.deadLetters({ topic: 't' })).toMatchObject([{ reason: 'not an order' }]);
  });

  test('comes back by redrive, at its old place, with new deliveries', async () => {
    const { fixture, reader } = await filled(3);
    await using _ = fixture;
    const [first, second] = await reader.receive({ topic: 't', max: 2 });
    if (!first || !second) throw new Error('nothing to receive');
    await reader.bury(first, 'x');
    await reader.bury(second, 'y');
    expect(await reader.redrive('other')).toBe(0);
    expect(await reader.redrive('t', [second.id, 'unknown'])).toBe(1);
    expect(await receiveOne(reader)).toMatchObject({ id: second.id, deliveries: 1 });
    expect(await reader.redrive('t')).toBe(1);
    expect(await receiveOne(reader)).toMatchObject({ id: first.id, deliveries: 1 });
    expect(await reader.deadLetters({ topic: 't' })).toEqual([]);
  });

  test('is listed page by page', async () => {
    const { fixture, reader } = await filled(5);
    await using _ = fixture;
    for (const message of await reader.receive({ topic: 't', max: 5 })) {
      await reader.bury(message, 'x');
    }
    const page = await reader.deadLetters({ topic: 't', limit: 2 });
    const afterSequence = page.at(-1)?.sequence ?? 0;
    const rest = await reader.deadLetters({ topic: 't', afterSequence });
    expect([...page, ...rest].map(({ body }) => body)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('stats', () => {
  test('count each message in one place', async () => {
    const { fixture, writer, reader } = await filled(5);
    await using _ = fixture;
    const open = await fixture.coordinator.begin(() => writer.publish('t', 6));
    await open.prepare();
    const [done, dead, later] = await reader.receive({ topic: 't', max: 4 });
    if (!done || !dead || !later) throw new Error('nothing to receive');
    await reader.acknowledge(done);
    await reader.bury(dead, 'x');
    await reader.release(later, { delayMs: 9_000 });
    fixture.nowMs += 500;
    const counts = { published: 5, acknowledged: 1, dead: 1, delayed: 1, leased: 1, ready: 1 };
    expect(await reader.stats()).toEqual([
      { topic: 't', ...counts, prepared: 1, oldestReadyMs: 500 },
    ]);
    fixture.nowMs += 60_000;
    expect(await reader.stats()).toMatchObject([{ ready: 3, delayed: 0, leased: 0 }]);
  });

  test('of an empty queue are none', async () => {
    const { fixture, reader } = await filled(0);
    await using _ = fixture;
    expect(await reader.stats()).toEqual([]);
  });
});

test('a closed queue says so', async () => {
  const { fixture, reader } = await filled(1);
  await using _ = fixture;
  await reader.close();
  await expect(reader.receive({ topic: 't' })).rejects.toMatchObject({ code: 'closed' });
  await expect(reader.redrive('t')).rejects.toMatchObject({ code: 'closed' });
});

commandOrSkip('sqlite3').test('the sqlite3 shell reads the queue as documented', async () => {
  const { fixture } = await filled(3);
  await using _ = fixture;
  const query = 'select topic, count(*), min(body) from unanimous_messages group by topic';
  const { stdout } = spawnSync(commandPath('sqlite3'), ['-readonly', fixture.file, query], {
    encoding: 'utf8',
  });
  expect(stdout).toBe('t|3|1\n');
});

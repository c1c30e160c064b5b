import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { QueueMessage } from '../../../participant-sdk/src/sqlite-queue/index.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { QueueFixture } from './queue-fixture.ts';

/** The real clock: consumers wait. */
async function live(options: Parameters<QueueFixture['reader']>[0] = {}) {
  const fixture = new QueueFixture();
  const writer = await fixture.writer({ now: Date.now });
  const reader = await fixture.reader({ now: Date.now, ...options });
  const publish = (...bodies: unknown[]) =>
    fixture.coordinator.commit(async () => {
      for (const body of bodies) await writer.publish('t', body);
    });
  return { fixture, writer, reader, publish };
}

describe('consume', () => {
  test('handles what is there and what comes, in order, and stops at the signal', async () => {
    const { fixture, reader, publish } = await live();
    await using _ = fixture;
    const stop = new AbortController();
    const seen: unknown[] = [];
    await publish(1, 2);
    const consuming = reader.consume('t', ({ body }) => void seen.push(body), stop);
    await waitUntil(() => seen.length === 2, { what: 'what was there' });
    await delay(50);
    await publish(3, 4);
    await waitUntil(() => seen.length === 4, { what: 'what came' });
    stop.abort();
    await consuming;
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(await reader.stats()).toMatchObject([{ acknowledged: 4, ready: 0, leased: 0 }]);
  });

  test('is woken by a commit, not by a poll', async () => {
    const { fixture, reader, publish } = await live();
    await using _ = fixture;
    const stop = new AbortController();
    const latenciesMs: number[] = [];
    let committedMs = 0;
    const handler = () => void latenciesMs.push(performance.now() - committedMs);
    const consuming = reader.consume('t', handler, stop);
    for (let n = 1; n <= 5; n++) {
      await delay(60);
      await publish(n);
      committedMs = performance.now();
      await waitUntil(() => latenciesMs.length === n, { what: 'the message', intervalMs: 2 });
    }
    stop.abort();
    await consuming;
    const median = latenciesMs.toSorted((a, b) => a - b)[2] ?? Infinity;
    expect(median).toBeLessThan(500); // the safety poll comes after 2,000
  });

  test('waits for the handlers that run before it ends', async () => {
    const { fixture, reader, publish } = await live();
    await using _ = fixture;
    const stop = new AbortController();
    await publish(1);
    let isDone = false;
    const handler = async () => {
      stop.abort();
      await delay(80);
      isDone = true;
    };
    await reader.consume('t', handler, stop);
    expect(isDone).toBe(true);
    expect(await reader.stats()).toMatchObject([{ acknowledged: 1 }]);
  });

  test('gives a failed message again after a delay, and up in the end, with the reason', async () => {
    const { fixture, reader, publish } = await live({ maxDeliveries: 3 });
    await using _ = fixture;
    const stop = new AbortController();
    const errors: unknown[] = [];
    await publish('bad', 'good');
    const seen: string[] = [];
    const handler = ({ body, deliveries }: QueueMessage) => {
      seen.push(`${String(body)} ${deliveries}`);
      if (body === 'bad') throw new Error('no such order');
    };
    const options = {
      signal: stop.signal,
      retryDelayMs: () => 30,
      onError: (error: unknown) => errors.push(error),
    };
    const consuming = reader.consume('t', handler, options);
    const letters = await waitUntil(
      async () => {
        const found = await reader.deadLetters({ topic: 't' });
        return found.length > 0 && found;
      },
      { what: 'the dead letter' },
    );
    stop.abort();
    await consuming;
    expect(letters).toMatchObject([{ body: 'bad', deliveries: 3, reason: 'no such order' }]);
    expect(seen).toEqual(['bad 1', 'good 1', 'bad 2', 'bad 3']);
    expect(errors).toHaveLength(3);
  });

  test('extends the lease of a slow handler', async () => {
    const { fixture, reader, publish } = await live();
    await using _ = fixture;
    const other = await fixture.reader({ now: Date.now });
    const stop = new AbortController();
    await publish(1);
    let deliveries = 0;
    const slow = async () => {
      deliveries++;
      await delay(1_500);
      stop.abort();
    };
    await Promise.all([
      reader.consume('t', slow, { signal: stop.signal, visibilityMs: 600 }),
      other.consume('t', slow, { signal: stop.signal, visibilityMs: 600 }),
    ]);
    expect(deliveries).toBe(1);
  });

  test('tells the handler that its lease is lost', async () => {
    const { fixture, reader, publish } = await live();
    await using _ = fixture;
    const stop = new AbortController();
    await publish(1);
    let reason: unknown;
    const handler = async (_message: QueueMessage, { signal }: { signal: AbortSignal }) => {
      stop.abort();
      fixture.exec(`update unanimous_messages set lease = 'another'`);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      reason = signal.reason;
    };
    await reader.consume('t', handler, { signal: stop.signal, visibilityMs: 90 });
    expect(reason).toMatchObject({ message: expect.stringContaining('is lost') });
  });

  test('side by side handles as many as it may', async () => {
    const { fixture, reader, publish } = await live();
    await using _ = fixture;
    const stop = new AbortController();
    await publish(1, 2, 3, 4, 5, 6);
    let running = 0;
    let most = 0;
    let done = 0;
    const handler = async () => {
      most = Math.max(most, ++running);
      await delay(20);
      running--;
      if (++done === 6) stop.abort();
    };
    await reader.consume('t', handler, { signal: stop.signal, concurrency: 3 });
    expect(most).toBe(3);
  });

  test('ends with the error that no waiting mends', async () => {
    const { fixture, reader } = await live();
    await using _ = fixture;
    fixture.exec('drop table unanimous_messages');
    const consuming = reader.consume('t', () => {}, new AbortController());
    await expect(consuming).rejects.toThrow('no such table');
  });
});

describe('messages', () => {
  test('come one by one, those that become ready later too', async () => {
    const { fixture, writer, reader, publish } = await live();
    await using _ = fixture;
    const stop = new AbortController();
    await publish(1);
    const seen: unknown[] = [];
    const later = delay(40).then(() =>
      fixture.coordinator.commit(() => writer.publish('t', 2, { delayMs: 60 })),
    );
    for await (const message of reader.messages({ topic: 't', signal: stop.signal })) {
      seen.push(message.body);
      await reader.acknowledge(message);
      if (seen.length === 2) stop.abort();
    }
    await later;
    expect(seen).toEqual([1, 2]);
  });

  test('end when the signal fires while they wait', async () => {
    const { fixture, reader } = await live();
    await using _ = fixture;
    const signal = AbortSignal.timeout(40);
    const seen = [];
    for await (const message of reader.messages({ topic: 't', signal })) seen.push(message);
    expect(seen).toEqual([]);
  });
});

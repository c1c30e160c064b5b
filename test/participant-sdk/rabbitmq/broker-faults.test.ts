import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { rabbitmq, type RabbitmqOptions } from '../../../participant-sdk/src/rabbitmq/index.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';
import { FakeBroker } from './fake-amqplib.ts';

async function served(options: Partial<RabbitmqOptions> = {}) {
  const broker = new FakeBroker();
  const coordinator = new TestCoordinator();
  const url = 'amqp://user:s3cret@broker.test/shop';
  const events = rabbitmq({ rm: 'events', amqplib: broker, url, ...options });
  await coordinator.serve(events);
  const publish = (n = 1) =>
    coordinator.begin(async () => {
      for (let i = 0; i < n; i++) await events.publish('orders', i);
    });
  const dispose = () => events.close();
  return { broker, coordinator, events, publish, [Symbol.asyncDispose]: dispose };
}

const unavailable = (words: string) => ({
  code: 'rm-unavailable',
  rm: 'events',
  message: expect.stringContaining(words),
});

describe('a publish', () => {
  test('that is nacked is asked again', async () => {
    await using it = await served();
    it.broker.isConfirming = false;
    const transaction = await it.publish();
    await transaction.prepare();
    const commit = transaction.commit();
    await waitUntil(() => it.broker.published.length === 1, { what: 'the message' });
    it.broker.published[0]?.confirm(new Error('message nacked'));
    await expect(commit).rejects.toMatchObject(unavailable('nacked'));
    it.broker.isConfirming = true;
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    expect(new Set(it.broker.published.map(({ id }) => id)).size).toBe(1);
  });

  test('that is not confirmed in time is waited for again, not sent again', async () => {
    await using it = await served({ applyTimeoutMs: 30 });
    it.broker.isConfirming = false;
    const transaction = await it.publish();
    await transaction.prepare();
    for (let n = 0; n < 3; n++) {
      await expect(transaction.commit()).rejects.toMatchObject(unavailable('within 30 ms'));
    }
    expect(it.broker.published).toHaveLength(1);
    it.broker.published[0]?.confirm();
    await delay(5);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    expect(it.broker.published).toHaveLength(1);
  });

  test('whose channel breaks says why', async () => {
    await using it = await served();
    it.broker.isConfirming = false;
    const transaction = await it.publish(2);
    await transaction.prepare();
    const commit = transaction.commit();
    await waitUntil(() => it.broker.published.length === 2, { what: 'the messages' });
    it.broker.published[0]?.confirm();
    const [, channel] = it.broker.connection.channels; // the first was for the check
    channel?.emit('error', Object.assign(new Error('ACCESS_REFUSED'), { code: 403 }));
    channel?.end();
    await expect(commit).rejects.toMatchObject(unavailable('ACCESS_REFUSED'));
    it.broker.isConfirming = true;
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    const ids = it.broker.published.map(({ id }) => id.slice(-1));
    expect(ids).toEqual(['0', '1', '1']); // the confirmed one is not repeated
  });
});

describe('a connection', () => {
  test('that breaks comes back by itself, and nothing ends the process', async () => {
    await using it = await served();
    for (let n = 0; n < 3; n++) {
      it.broker.connection.break(new Error('read ECONNRESET'));
      const transaction = await it.publish();
      await expect(transaction.prepare()).rejects.toMatchObject(unavailable('ECONNRESET'));
      await waitUntil(() => it.broker.connections.length === n + 2, { what: 'a new connection' });
      await waitUntil(() => it.coordinator.commit(() => it.events.publish('orders', n)), {
        what: 'a commit',
      });
    }
  });

  test('is tried again with a growing pause', async () => {
    await using it = await served();
    it.broker.isUp = false;
    it.broker.connection.break(new Error('gone'));
    await delay(900);
    expect(it.broker.attempts).toBeGreaterThanOrEqual(3); // after 100, 300, 700 ms
    expect(it.broker.attempts).toBeLessThanOrEqual(5);
    const transaction = await it.publish();
    const refused = await transaction.prepare().catch((error: unknown) => error);
    expect(refused).toMatchObject(unavailable('broker.test:5672, virtual host shop'));
    expect(String(refused)).not.toContain('s3cret');
  });

  test('to another cluster is refused', async () => {
    await using it = await served();
    it.broker.clusterName = 'other@host';
    it.broker.connection.break(new Error('failover'));
    await waitUntil(() => it.broker.connections.length > 1, { what: 'a new connection' });
    await delay(5);
    const transaction = await it.publish();
    await expect(transaction.prepare()).rejects.toMatchObject({ code: 'rm-identity-mismatch' });
  });

  test('that is blocked sends nothing, and says why', async () => {
    await using it = await served();
    const transaction = await it.publish();
    await transaction.prepare();
    it.broker.connection.emit('blocked', 'low on memory');
    await expect(transaction.commit()).rejects.toMatchObject(unavailable('low on memory'));
    const refused = await it.publish();
    await expect(refused.prepare()).rejects.toMatchObject(unavailable('low on memory'));
    expect(it.broker.published).toEqual([]);
    it.broker.connection.emit('unblocked', undefined);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
  });

  test('that is closed stays closed', async () => {
    await using it = await served();
    const transaction = await it.publish();
    await transaction.prepare();
    it.broker.isUp = false;
    it.broker.connection.break(new Error('gone'));
    await it.events.close();
    await it.events.close();
    const { attempts } = it.broker;
    await delay(150);
    expect(it.broker.attempts).toBe(attempts);
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'closed' });
  });
});

test('a broker that does not answer the check is a no, in time', async () => {
  await using it = await served({ checkTimeoutMs: 30 });
  it.broker.isAnswering = false;
  const transaction = await it.publish();
  await expect(transaction.prepare()).rejects.toMatchObject(unavailable('within 30 ms'));
});

test.each(['', 'http://broker', 'amqp//x', 'not a url with s3cret'])(
  'the address %o is refused and not repeated',
  (url) => {
    const make = () => rabbitmq({ rm: 'events', amqplib: new FakeBroker(), url });
    expect(make).toThrow('url: not an amqp:// or amqps:// address');
  },
);

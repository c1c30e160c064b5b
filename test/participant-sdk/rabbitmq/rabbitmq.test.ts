import * as amqplib from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rabbitmq } from '../../../participant-sdk/src/rabbitmq/index.ts';
import { type RabbitmqServer, startRabbitmq } from '../../servers/rabbitmq.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { testConformance } from '../support/run-conformance.ts';
import { TcpRelay } from '../../integration/support/tcp-relay.ts';
import { conformanceSubject } from './conformance-subject.ts';
import { RabbitFixture } from './rabbit-fixture.ts';
import { withoutConfirms } from './without-confirms.ts';

serverOrSkip('rabbitmq').describe('RabbitMQ', () => {
  let server: RabbitmqServer;
  beforeAll(async () => {
    server = await startRabbitmq();
  }, 90_000);
  afterAll(() => server.stop());

  test('a committed transaction publishes, once, with its gid and position', async () => {
    await using fixture = new RabbitFixture(server);
    const events = await fixture.serve();
    await fixture.declare('orders');
    const transaction = await fixture.coordinator.begin(async () => {
      await events.publish(
        { queue: 'orders' },
        { id: 7 },
        { headers: { kind: 'placed' }, type: 'x' },
      );
      await events.publish('orders', Buffer.from([1, 2, 3]), { priority: 3 });
    });
    await transaction.prepare();
    expect(await fixture.take('orders')).toEqual([]);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);

    const { gid } = transaction;
    const [json, bytes, ...rest] = await fixture.take('orders');
    expect(json).toMatchObject({
      id: `${gid}/1/0`,
      body: '{"id":7}',
      properties: {
        deliveryMode: 2,
        contentType: 'application/json',
        type: 'x',
        headers: { kind: 'placed', 'unanimous-gid': gid, 'unanimous-position': '1.1.0' },
      },
    });
    expect(bytes).toMatchObject({
      id: `${gid}/1/1`,
      body: '\u0001\u0002\u0003',
      properties: { contentType: 'application/octet-stream', priority: 3 },
    });
    expect(rest).toEqual([]);
  });

  test('an aborted transaction publishes nothing', async () => {
    await using fixture = new RabbitFixture(server);
    const events = await fixture.serve();
    await fixture.declare('orders');
    const transaction = await fixture.coordinator.begin(() => events.publish('orders', 1));
    await transaction.prepare();
    expect(await transaction.abort()).toEqual([{ result: 'rolled-back' }]);
    expect(await fixture.take('orders')).toEqual([]);
  });

  test('a message to an exchange follows its bindings', async () => {
    await using fixture = new RabbitFixture(server);
    const events = await fixture.serve({ exchange: 'shop' });
    await fixture.declare('placed');
    await fixture.operate(async (channel) => {
      await channel.assertExchange('shop', 'topic');
      await channel.bindQueue('placed', 'shop', 'orders.*');
    });
    await fixture.coordinator.commit(async () => {
      await events.publish('orders.placed', 'by text');
      await events.publish({ exchange: 'shop', routingKey: 'orders.paid' }, 'by name');
      await events.publish({ queue: 'placed' }, 'straight');
    });
    const bodies = (await fixture.take('placed')).map(({ body }) => body);
    expect(bodies.toSorted()).toEqual(['"by name"', '"by text"', '"straight"']);
  });

  test.each([
    ['queue', { queue: 'no-such-queue' }, 'queue "no-such-queue"'],
    ['exchange', { exchange: 'no-such-exchange', routingKey: 'a' }, 'exchange "no-such-exchange"'],
  ])('a message to a missing %s votes no and names it', async (_, target, name) => {
    await using fixture = new RabbitFixture(server);
    const events = await fixture.serve();
    await fixture.declare('orders');
    const transaction = await fixture.coordinator.begin(async () => {
      await events.publish('orders', 1);
      await events.publish(target, 2);
    });
    await expect(transaction.prepare()).rejects.toMatchObject({
      code: 'unroutable',
      message: expect.stringContaining(name),
    });
    await fixture.coordinator.commit(() => events.publish('orders', 'still works'));
    expect(await fixture.take('orders')).toMatchObject([{ body: '"still works"' }]);
  });

  test('a queue deleted after the decision keeps the commit pending until it is back', async () => {
    await using fixture = new RabbitFixture(server);
    const events = await fixture.serve();
    await fixture.declare('orders', 'mails');
    const transaction = await fixture.coordinator.begin(async () => {
      await events.publish('mails', 'mail');
      await events.publish('orders', 'order');
    });
    await transaction.prepare();
    await fixture.operate((channel) => channel.deleteQueue('orders'));
    for (let n = 0; n < 3; n++) {
      await expect(transaction.commit()).rejects.toMatchObject({
        code: 'unroutable',
        message: expect.stringMatching(/queue "orders" came back: 312 NO_ROUTE/),
      });
    }
    await fixture.declare('orders');
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    expect(await fixture.take('orders')).toMatchObject([{ id: `${transaction.gid}/1/1` }]);
    expect(await fixture.take('mails')).toHaveLength(1); // not repeated with each try
  });

  test('an exchange deleted after the decision does not disturb other messages', async () => {
    await using fixture = new RabbitFixture(server);
    const events = await fixture.serve();
    await fixture.declare('orders');
    await fixture.operate(async (channel) => {
      await channel.assertExchange('gone', 'fanout');
      await channel.bindQueue('orders', 'gone', '');
    });
    const stuck = await fixture.coordinator.begin(() =>
      events.publish({ exchange: 'gone', routingKey: 'a' }, 'stuck'),
    );
    await stuck.prepare();
    await fixture.operate((channel) => channel.deleteExchange('gone'));
    const attempts = Array.from({ length: 10 }, async (_n, n) => {
      await fixture.coordinator.commit(() => events.publish('orders', n));
    });
    const failing = stuck.commit();
    await expect(failing).rejects.toMatchObject({
      code: 'unroutable',
      message: expect.stringContaining("no exchange 'gone'"),
    });
    await Promise.all(attempts);
    expect(await fixture.take('orders')).toHaveLength(10);
  });

  test('another instance repeats with the same ids', async () => {
    await using fixture = new RabbitFixture(server);
    const here = await fixture.serve();
    const there = await fixture.serve();
    await fixture.declare('orders');
    const transaction = await fixture.coordinator.begin(() => here.publish('orders', 1));
    await transaction.prepare();
    await transaction.commit();
    await there.commit(transaction.id(here), transaction.decided(here));
    const ids = (await fixture.take('orders')).map(({ id }) => id);
    expect(ids).toEqual([`${transaction.gid}/1/0`, `${transaction.gid}/1/0`]);
  });

  test('many branches at once keep the order within each', async () => {
    await using fixture = new RabbitFixture(server);
    const events = await fixture.serve();
    await fixture.declare('orders');
    const commits = Array.from({ length: 50 }, (_t, t) =>
      fixture.coordinator.commit(async () => {
        for (let n = 0; n < 5; n++) await events.publish('orders', [t, n]);
      }),
    );
    await Promise.all(commits);
    const bodies = (await fixture.take('orders')).map(({ body }) => JSON.parse(body) as number[]);
    for (let t = 0; t < 50; t++) {
      expect(bodies.filter(([of]) => of === t).map(([, n]) => n)).toEqual([0, 1, 2, 3, 4]);
    }
  });

  test('the identity is the cluster and the virtual host, or what it is told', async () => {
    await using fixture = new RabbitFixture(server);
    const events = await fixture.serve();
    expect((await events.open()).identity).toMatch(/^rabbitmq:unanimous-\d+@[^:]+:\/$/);
    const told = await fixture.serve({ identity: 'rabbitmq:shop' });
    expect(await told.open()).toEqual({ identity: 'rabbitmq:shop', incarnation: '1' });
  });

  test('wrong credentials are refused, and not shown', async () => {
    const url = server.url.replace('guest:guest', 'guest:s3cret');
    const events = rabbitmq({ rm: 'events', amqplib, url });
    const refused = await events.open().catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'rm-unavailable',
      retryable: false,
      message: expect.stringContaining('ACCESS_REFUSED'),
      hint: expect.stringContaining('password'),
    });
    expect(JSON.stringify(refused) + String(refused)).not.toContain('s3cret');
    await events.close();
  });

  test('a virtual host that does not exist is refused', async () => {
    const events = rabbitmq({ rm: 'events', amqplib, url: `${server.url}/nowhere` });
    await expect(events.open()).rejects.toMatchObject({
      code: 'rm-unavailable',
      message: expect.stringContaining('nowhere'),
    });
    await events.close();
  });

  test('kill -9 between decision and confirm: the repeat has the same ids', async () => {
    await using fixture = new RabbitFixture(server);
    const events = await fixture.serve({ amqplib: withoutConfirms(1) });
    await fixture.declare('orders');
    const transaction = await fixture.coordinator.begin(async () => {
      for (let n = 0; n < 100; n++) await events.publish('orders', n);
    });
    await transaction.prepare();
    const unconfirmed = transaction.commit().catch((error: unknown) => error);
    await waitUntil(async () => (await fixture.count('orders')) === 100, {
      what: 'the broker to have what it could not confirm',
    });
    await server.kill9();
    expect(await unconfirmed).toMatchObject({ code: 'rm-unavailable' });

    const down = expect.stringMatching(/RabbitMQ at 127.0.0.1:\d+, virtual host \//);
    const unavailable = { code: 'rm-unavailable', retryable: true, message: down };
    await expect(transaction.commit()).rejects.toMatchObject(unavailable);
    const refused = await fixture.coordinator.begin(() => events.publish('orders', 'later'));
    await expect(refused.prepare()).rejects.toMatchObject(unavailable);

    await server.restart();
    const finished = await waitUntil(() => transaction.commit(), {
      what: 'the commit after the restart',
      timeoutMs: 20_000,
    });
    expect(finished).toEqual([{ result: 'committed' }]);
    const ids = (await fixture.take('orders')).map(({ id }) => id);
    const wanted = Array.from({ length: 100 }, (_, n) => `${transaction.gid}/1/${n}`);
    // What it had and had not confirmed, the broker may or may not have kept; nothing came under
    // another id, and the repeat is whole and in order.
    expect(ids.slice(-100)).toEqual(wanted);
    expect(wanted).toEqual(expect.arrayContaining(ids));
  }, 90_000);

  test('a server that is down refuses to serve; served once it is up', async () => {
    const events = rabbitmq({ rm: 'events', amqplib, url: server.url });
    await server.kill9();
    await expect(events.open()).rejects.toMatchObject({
      code: 'rm-unavailable',
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED'),
    });
    await server.restart();
    expect(await events.open()).toHaveProperty('identity');
    await events.close();
    expect(await events.open()).toHaveProperty('identity'); // to be served by another client
    await events.close();
  }, 90_000);

  describe('conforms', () => {
    let relay: TcpRelay;
    let subject: ReturnType<typeof conformanceSubject>;
    beforeAll(async () => {
      const { host } = new URL(server.url);
      relay = await TcpRelay.start(host);
      const url = server.url.replace(host, relay.address);
      subject = conformanceSubject({ url, readerUrl: server.url });
    });
    afterAll(async () => {
      await subject?.close?.();
      await relay?.[Symbol.asyncDispose]();
    });
    const hang = async () => {
      relay.holdAnswers();
      return async () => relay.releaseAnswers();
    };
    const shape = conformanceSubject({ url: '', readerUrl: '' });
    testConformance({ ...shape, hang }, () => ({ ...subject, hang }));
  });
});

import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nats } from '../../../participant-sdk/src/nats/index.ts';
import { type NatsServer, startNats } from '../../servers/nats.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { NatsFixture } from './nats-fixture.ts';

serverOrSkip('nats').describe('NATS JetStream', () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNats();
  }, 30_000);
  afterAll(() => server.stop());

  test('a committed transaction publishes, in order, with its gid and position', async () => {
    await using fixture = await NatsFixture.open(server);
    const events = await fixture.serve();
    await fixture.addStream('orders');
    const transaction = await fixture.coordinator.begin(async () => {
      await events.publish('orders.placed', { id: 7 }, { headers: { kind: 'x' } });
      await events.publish('orders.raw', Buffer.from('bytes'));
    });
    await transaction.prepare();
    expect(await fixture.messages('orders')).toEqual([]);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    const { gid } = transaction;
    expect(await fixture.messages('orders')).toMatchObject([
      { id: `${gid}/1/0`, gid, position: '1.1.0', kind: 'x', text: '{"id":7}' },
      { id: `${gid}/1/1`, gid, position: '1.1.1', text: 'bytes' },
    ]);
  });

  test('an aborted transaction publishes nothing', async () => {
    await using fixture = await NatsFixture.open(server);
    const events = await fixture.serve();
    await fixture.addStream('aborted');
    const transaction = await fixture.coordinator.begin(() => events.publish('aborted.a', 1));
    await transaction.prepare();
    await transaction.abort();
    expect(await fixture.messages('aborted')).toEqual([]);
  });

  test('what is applied again, by whichever instance, is known within the duplicate window', async () => {
    await using fixture = await NatsFixture.open(server);
    const here = await fixture.serve();
    const there = await fixture.serve();
    await fixture.addStream('again');
    const transaction = await fixture.coordinator.begin(() => here.publish('again.a', 1));
    await transaction.prepare();
    await transaction.commit();
    await there.commit(transaction.id(here), transaction.decided(here));
    expect(await fixture.texts('again')).toEqual(['1']);
  });

  test('what was received is acknowledged with what it caused, or not at all', async () => {
    await using fixture = await NatsFixture.open(server);
    const events = await fixture.serve();
    await fixture.addStream('work');
    await fixture.addStream('done');
    const manager = await jetstreamManager(fixture.operator);
    const durable = { durable_name: 'workers', ack_policy: AckPolicy.Explicit };
    await manager.consumers.add('work', durable);
    await fixture.coordinator.commit(() => events.publish('work.a', 'task'));
    const consumer = await jetstream(fixture.operator).consumers.get('work', 'workers');
    const message = await consumer.next();
    if (!message) throw new Error('no message');
    const unacknowledged = async () => (await consumer.info(false)).num_ack_pending;
    const work = async () => {
      await events.acknowledge(message);
      await events.publish('done.a', 'done');
    };
    const aborted = await fixture.coordinator.begin(work);
    await aborted.prepare();
    await aborted.abort();
    expect([await unacknowledged(), await fixture.texts('done')]).toEqual([1, []]);
    await fixture.coordinator.commit(work);
    expect([await unacknowledged(), await fixture.texts('done')]).toEqual([0, ['"done"']]);
    await manager.consumers.delete('work', 'workers');
    await fixture.coordinator.commit(work); // nobody is left to hear of it
  });

  test('a subject that no stream has is a no, and after the decision it waits for one', async () => {
    await using fixture = await NatsFixture.open(server);
    const events = await fixture.serve({ confirmTimeoutMs: 300 });
    const refused = await fixture.coordinator.begin(() => events.publish('nowhere.a', 1));
    await expect(refused.prepare()).rejects.toMatchObject({ code: 'unroutable', rm: 'events' });
    await fixture.addStream('gone');
    const decided = await fixture.coordinator.begin(() => events.publish('gone.a', 'later'));
    await decided.prepare();
    await (await jetstreamManager(fixture.operator)).streams.delete('gone');
    await expect(decided.commit()).rejects.toMatchObject({
      code: 'unroutable',
      message: expect.stringContaining('gone.a: no stream takes it'),
    });
    await fixture.addStream('gone');
    expect(await decided.commit()).toEqual([{ result: 'committed' }]);
    expect(await fixture.texts('gone')).toEqual(['"later"']);
  });

  test('a stream that is full and takes nothing new is a no, and no message is dropped', async () => {
    await using fixture = await NatsFixture.open(server);
    const events = await fixture.serve();
    await fixture.addStream('full', { max_msgs: 1, discard: 'new' as never });
    const [first, second] = await Promise.all(
      [1, 2].map((n) => fixture.coordinator.begin(() => events.publish('full.a', n))),
    );
    await Promise.all([first?.prepare(), second?.prepare()]);
    await first?.commit();
    await expect(second?.commit()).rejects.toMatchObject({
      code: 'rm-unavailable',
      message: expect.stringContaining('maximum messages exceeded'),
    });
    const refused = await fixture.coordinator.begin(() => events.publish('full.a', 3));
    await expect(refused.prepare()).rejects.toMatchObject({
      code: 'rm-unavailable',
      message: 'stream full is full and takes nothing new',
    });
    await (await jetstreamManager(fixture.operator)).streams.purge('full');
    expect(await second?.commit()).toEqual([{ result: 'committed' }]);
    expect(await fixture.texts('full')).toEqual(['2']);
  });

  test('a stream that is kept in memory is refused, unless told', async () => {
    await using fixture = await NatsFixture.open(server);
    await fixture.addStream('memory', { storage: 'memory' as never });
    const strict = await fixture.serve();
    const refused = await fixture.coordinator.begin(() => strict.publish('memory.a', 1));
    await expect(refused.prepare()).rejects.toMatchObject({
      code: 'prepare-refused',
      message: 'stream memory is kept in memory only',
    });
    const lenient = await fixture.serve({ durability: 'memory' });
    await fixture.coordinator.commit(() => lenient.publish('memory.a', 1));
    expect(await fixture.texts('memory')).toEqual(['1']);
  });

  test.each([
    ['a b', 1, {}, 'subject "a b" is not a subject'],
    ['a.*', 1, {}, 'subject "a.*" is not a subject'],
    ['a..b', 1, {}, 'subject "a..b" is not a subject'],
    ['', 1, {}, 'subject "" is not a subject'],
    ['a', new Map(), {}, 'content: a Map does not survive JSON'],
    ['a', 1, { headers: { 'Nats-Msg-Id': 'x' } }, 'headers.Nats-Msg-Id belongs to NATS'],
    ['a', 1, { headers: { 'a b': 'x' } }, 'headers.a b is not a header’s name'],
    ['a', 1, { headers: { a: 'x\r\ny' } }, 'headers.a is not a text of one line'],
  ])(
    'publishing to %o refuses what could not be applied (%#)',
    async (subject, value, more, words) => {
      await using fixture = await NatsFixture.open(server);
      const events = await fixture.serve();
      const publish = fixture.coordinator.commit(() => events.publish(subject, value, more));
      await expect(publish).rejects.toMatchObject({
        code: 'invalid-argument',
        message: expect.stringContaining(words),
      });
      await expect(fixture.coordinator.commit(() => events.acknowledge({}))).rejects.toThrow(
        'message did not come from a JetStream consumer',
      );
    },
  );

  test('kill -9 of the server between decision and confirm: nothing lost, nothing doubled', async () => {
    await using fixture = await NatsFixture.open(server);
    const events = await fixture.serve({ confirmTimeoutMs: 500, checkTimeoutMs: 500 });
    await fixture.addStream('killed');
    const transaction = await fixture.coordinator.begin(async () => {
      for (let n = 0; n < 200; n++) await events.publish('killed.a', n);
    });
    await transaction.prepare();
    const commit = transaction.commit().catch((error: unknown) => error);
    const some = async () => (await fixture.messages('killed')).length > 5;
    await waitUntil(some, { what: 'some messages' });
    await server.kill9();
    await commit;
    const refused = await fixture.coordinator.begin(() => events.publish('killed.a', 'no'));
    await expect(refused.prepare()).rejects.toMatchObject({ code: 'rm-unavailable' });
    await server.restart();
    const finished = await waitUntil(() => transaction.commit().catch(() => undefined), {
      what: 'the commit after the restart',
      timeoutMs: 20_000,
    });
    expect(finished).toEqual([{ result: 'committed' }]);
    const wanted = Array.from({ length: 200 }, (_, n) => String(n));
    await waitUntil(async () => (await fixture.texts('killed')).length >= 200, { what: 'all' });
    expect(await fixture.texts('killed')).toEqual(wanted);
  }, 60_000);

  test('a connection that its owner closed is told so', async () => {
    const connection = await connect({ servers: server.address });
    const modules = { jetstream, headers };
    const events = nats({ rm: 'events', connection, nats: modules });
    await connection.close();
    await expect(events.open()).rejects.toMatchObject({ code: 'closed', rm: 'events' });
  });
});

serverOrSkip('nats').test('a user without rights is told so', async () => {
  const server = await startNats('--user', 'app', '--pass', 's3cret');
  try {
    const connection = await connect({ servers: server.address, user: 'app', pass: 's3cret' });
    const events = nats({ rm: 'events', connection, nats: { jetstream, headers } });
    expect(await events.open()).toMatchObject({ incarnation: '1' });
    await connection.close();
    const wrong = connect({ servers: server.address, user: 'app', pass: 'x', reconnect: false });
    await expect(wrong).rejects.toThrow(/uthoriz/);
  } finally {
    await server.stop();
  }
});

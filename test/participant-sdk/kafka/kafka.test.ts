import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kafka } from '../../../participant-sdk/src/kafka/index.ts';
import { type KafkaServer, startKafka } from '../../../examples/support/kafka-server.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { testConformance } from '../support/run-conformance.ts';
import { conformanceSubject } from './conformance-subject.ts';
import { KafkaFixture } from './kafka-fixture.ts';
import { LossyClient } from './lossy-client.ts';

serverOrSkip('kafka').describe('Kafka', () => {
  let server: KafkaServer;
  beforeAll(async () => {
    server = await startKafka();
  }, 120_000);
  afterAll(() => server?.stop(), 30_000);

  test('a committed transaction publishes, in order, with its gid and position', async () => {
    await using fixture = await KafkaFixture.open(server.port);
    const events = await fixture.serve();
    await fixture.createTopic('orders', 2);
    const transaction = await fixture.coordinator.begin(async () => {
      await events.publish('orders', { id: 7 }, { key: 'o-7', headers: { kind: 'placed' } });
      await events.publish('orders', Buffer.from('bytes'), { key: 'o-7' });
      await events.publish('orders', null, { partition: 1 });
    });
    await transaction.prepare();
    const reader = await fixture.reader('orders');
    expect(await reader.all()).toEqual([]);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    const { gid } = transaction;
    const all = await reader.all();
    const byKey = all.filter(({ key }) => key === 'o-7');
    expect(byKey.map(({ id, text }) => [id, text])).toEqual([
      [`${gid}/1/0`, '{"id":7}'],
      [`${gid}/1/1`, 'bytes'],
    ]);
    expect(byKey[0]?.headers).toMatchObject({
      kind: 'placed',
      'unanimous-gid': gid,
      'unanimous-position': '1.1.0',
    });
    expect(all.find(({ text }) => text === 'null')).toMatchObject({ partition: 1 });
  }, 30_000);

  test('an aborted transaction publishes nothing', async () => {
    await using fixture = await KafkaFixture.open(server.port);
    const events = await fixture.serve();
    await fixture.createTopic('aborted');
    const transaction = await fixture.coordinator.begin(() => events.publish('aborted', 1));
    await transaction.prepare();
    await transaction.abort();
    const [end] = await fixture.operator.fetchTopicOffsets('aborted');
    expect(end?.high).toBe('0');
  });

  test('a repeat by another instance has the same ids', async () => {
    await using fixture = await KafkaFixture.open(server.port);
    const here = await fixture.serve();
    const there = await fixture.serve();
    await fixture.createTopic('again');
    const transaction = await fixture.coordinator.begin(() => here.publish('again', 1));
    await transaction.prepare();
    await transaction.commit();
    await there.commit(transaction.id(here), transaction.decided(here));
    const ids = (await (await fixture.reader('again')).all()).map(({ id }) => id);
    expect(ids).toEqual([`${transaction.gid}/1/0`, `${transaction.gid}/1/0`]);
  }, 30_000);

  test('many transactions at once keep the order within each', async () => {
    await using fixture = await KafkaFixture.open(server.port);
    const events = await fixture.serve();
    await fixture.createTopic('many');
    const commits = Array.from({ length: 30 }, (_t, t) =>
      fixture.coordinator.commit(async () => {
        for (let n = 0; n < 5; n++) await events.publish('many', [t, n]);
      }),
    );
    await Promise.all(commits);
    const texts = await (await fixture.reader('many')).texts();
    const pairs = texts.map((text) => JSON.parse(text) as [number, number]);
    for (let t = 0; t < 30; t++) {
      expect(pairs.filter(([of]) => of === t).map(([, n]) => n)).toEqual([0, 1, 2, 3, 4]);
    }
  }, 30_000);

  test('a topic that is missing is a no that names it; one deleted later is waited for', async () => {
    await using fixture = await KafkaFixture.open(server.port);
    const events = await fixture.serve();
    await fixture.createTopic('gone');
    const refused = await fixture.coordinator.begin(() => events.publish('nowhere', 1));
    await expect(refused.prepare()).rejects.toMatchObject({
      code: 'unroutable',
      message: 'there is no topic nowhere',
    });
    const decided = await fixture.coordinator.begin(() => events.publish('gone', 'later'));
    await decided.prepare();
    await fixture.operator.deleteTopics({ topics: ['gone'] });
    await expect(decided.commit()).rejects.toMatchObject({ code: 'unroutable' });
    await fixture.createTopic('gone');
    const finished = await waitUntil(() => decided.commit().catch(() => undefined), {
      what: 'the commit',
      timeoutMs: 20_000,
    });
    expect(finished).toEqual([{ result: 'committed' }]);
    expect(await (await fixture.reader('gone')).texts()).toEqual(['"later"']);
  }, 60_000);

  test.each([
    ['a b', 1, {}, 'topic "a b" is not the name of a topic'],
    ['..', 1, {}, 'topic ".." is not the name of a topic'],
    ['x'.repeat(250), 1, {}, 'is not the name of a topic'],
    ['a', new Map(), {}, 'content: a Map does not survive JSON'],
    ['a', 1, { key: 7 as never }, 'key is not a text'],
    ['a', 1, { partition: -1 }, 'partition is not the number of one'],
    ['a', 1, { headers: { 'unanimous-id': 'x' } }, 'headers.unanimous-id is one of ours'],
    ['a', 1, { headers: { a: 1 as never } }, 'headers.a is not a text'],
  ])('what could not be applied is refused (%#)', async (topic, value, options, words) => {
    await using fixture = await KafkaFixture.open(server.port);
    const events = await fixture.serve();
    const publish = fixture.coordinator.commit(() => events.publish(topic, value, options));
    await expect(publish).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining(words),
    });
  });

  describe('conforms', () => {
    let subject: ReturnType<typeof conformanceSubject>;
    beforeAll(async () => {
      await using fixture = await KafkaFixture.open(server.port);
      await fixture.createTopic('conformance');
      subject = conformanceSubject({ port: server.port });
    });
    afterAll(() => subject?.close?.());
    testConformance(conformanceSubject({ port: 0 }), () => subject);
  });

  test('kill -9 of the broker between decision and confirm: all come, with the same ids', async () => {
    await using fixture = await KafkaFixture.open(server.port);
    const events = await fixture.serve({ checkTimeoutMs: 1_000 });
    await fixture.createTopic('killed');
    const decided = await fixture.coordinator.begin(async () => {
      for (let n = 0; n < 50; n++) await events.publish('killed', n);
    });
    await decided.prepare();
    await server.kill9();
    await expect(decided.commit()).rejects.toMatchObject({ code: 'rm-unavailable' });
    const refused = await fixture.coordinator.begin(() => events.publish('killed', 'no'));
    await expect(refused.prepare()).rejects.toMatchObject({ code: 'rm-unavailable' });
    await server.restart();
    const finished = await waitUntil(() => decided.commit().catch(() => undefined), {
      what: 'the commit after the restart',
      timeoutMs: 40_000,
    });
    expect(finished).toEqual([{ result: 'committed' }]);
    const ids = (await (await fixture.reader('killed')).all()).map(({ id }) => id);
    const wanted = Array.from({ length: 50 }, (_, n) => `${decided.gid}/1/${n}`);
    expect([...new Set(ids)]).toEqual(wanted);
  }, 90_000);

  test.each([
    ['is idempotent loses what it confirms, and is refused', true],
    ['is not loses nothing', false],
  ])('when an answer of the broker is lost, a producer that %s', async (_, idempotent) => {
    await using fixture = await KafkaFixture.open(server.port);
    const topic = `lost-answer-${idempotent}`;
    await fixture.createTopic(topic);
    const client = new LossyClient(server.port);
    const producer = client.kafka.producer({ idempotent, maxInFlightRequests: 1 });
    const make = () => kafka({ rm: 'events', producer, admin: fixture.operator });
    if (idempotent) expect(make).toThrow(/^events: producer: is an idempotent one/);
    else expect(make).not.toThrow();
    await producer.connect();
    const send = (value: string) => producer.send({ topic, messages: [{ value }] });
    await send('first');
    client.loseAnswer();
    await Promise.all([send('second'), send('third')]); // both are confirmed
    await producer.disconnect();
    const kept = new Set(await (await fixture.reader(topic)).texts());
    expect(kept.size).toBe(idempotent ? 2 : 3);
  });

  test('a broker that is down is told when it is served', async () => {
    await using fixture = await KafkaFixture.open(server.port);
    const producer = { send: () => Promise.reject(new Error('unused')) };
    await server.kill9();
    const events = kafka({ rm: 'events', producer, admin: fixture.operator, checkTimeoutMs: 500 });
    await expect(events.open()).rejects.toMatchObject({ code: 'rm-unavailable', retryable: true });
  }, 30_000);
});

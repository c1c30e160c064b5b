import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { Kafka as KafkaJs, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  kafka,
  type KafkaAdmin,
  type KafkaOptions,
  type KafkaProducer,
} from '../../../participant-sdk/src/kafka/index.ts';
import { type KafkaServer, startKafka } from '../../../examples/support/kafka-server.ts';
import { confluentKafka, driverOrSkip } from '../../servers/require-server.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';
import { TopicReader } from './topic-reader.ts';

// The driver compiles for minutes, so it is not installed with the others: docs/kafka.md.

interface Connected {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

interface Confluent {
  readonly KafkaJS: {
    readonly Kafka: new (
      config: object,
    ) => {
      producer(config: object): KafkaProducer & Connected;
      admin(config?: object): KafkaAdmin & Connected;
    };
    readonly logLevel: { readonly NOTHING: number };
  };
}

driverOrSkip('confluent-kafka').describe('Kafka behind @confluentinc/kafka-javascript', () => {
  let server: KafkaServer;
  let producer: KafkaProducer & Connected;
  let admin: KafkaAdmin & Connected;
  let operator: ReturnType<KafkaJs['admin']>;
  let kafkaJs: KafkaJs;

  beforeAll(async () => {
    server = await startKafka();
    const { KafkaJS } = createRequire(import.meta.url)(confluentKafka() ?? '') as Confluent;
    const brokers = [`127.0.0.1:${server.port}`];
    const client = new KafkaJS.Kafka({
      kafkaJS: { brokers, logLevel: KafkaJS.logLevel.NOTHING },
    });
    producer = client.producer({ kafkaJS: { idempotent: true, acks: -1, timeout: 3_000 } });
    admin = client.admin();
    kafkaJs = new KafkaJs({ brokers, logLevel: logLevel.NOTHING });
    operator = kafkaJs.admin();
    await Promise.all([producer.connect(), admin.connect(), operator.connect()]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([producer, admin, operator].map((each) => each?.disconnect()));
    await server?.stop();
  }, 60_000);

  async function served(options: Partial<KafkaOptions> = {}) {
    const coordinator = new TestCoordinator();
    const resource = kafka({ rm: 'events', producer, admin, ...options });
    return { coordinator, events: await coordinator.serve(resource), resource };
  }

  async function topic(numPartitions = 1): Promise<string> {
    const name = `t-${randomUUID()}`;
    await operator.createTopics({ topics: [{ topic: name, numPartitions }], waitForLeaders: true });
    return name;
  }

  test('a committed transaction publishes, in order, with its gid and position', async () => {
    const { coordinator, events } = await served();
    const name = await topic(2);
    const transaction = await coordinator.begin(async () => {
      await events.publish(name, { id: 7 }, { key: 'o-7', headers: { kind: 'placed' } });
      await events.publish(name, Buffer.from('bytes'), { key: 'o-7' });
      await events.publish(name, null, { partition: 1 });
    });
    await transaction.prepare();
    const reader = await TopicReader.open(kafkaJs, operator, name);
    expect(await reader.all()).toEqual([]);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    const all = await reader.all();
    await reader.close();
    const byKey = all.filter(({ key }) => key === 'o-7');
    expect(byKey.map(({ id, text }) => [id, text])).toEqual([
      [`${transaction.gid}/1/0`, '{"id":7}'],
      [`${transaction.gid}/1/1`, 'bytes'],
    ]);
    expect(byKey[0]?.headers).toMatchObject({ kind: 'placed', 'unanimous-gid': transaction.gid });
    expect(all.find(({ text }) => text === 'null')).toMatchObject({ partition: 1 });
  }, 60_000);

  test('a topic that is missing is a no', async () => {
    const { coordinator, events } = await served();
    const refused = await coordinator.begin(() => events.publish('nowhere', 1));
    await expect(refused.prepare()).rejects.toMatchObject({ code: 'unroutable' });
  }, 60_000);

  test('kill -9 of the broker between decision and confirm: all come, with the same ids', async () => {
    const { coordinator, events } = await served();
    const name = await topic();
    const transaction = await coordinator.begin(async () => {
      for (let n = 0; n < 5; n += 1) await events.publish(name, n);
    });
    await transaction.prepare();
    await server.kill9();
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'rm-unavailable' });
    await server.restart();
    let finished: unknown;
    while (!finished) finished = await transaction.commit().catch(() => undefined);
    expect(finished).toEqual([{ result: 'committed' }]);
    const reader = await TopicReader.open(kafkaJs, operator, name);
    const ids = new Set((await reader.all()).map(({ id }) => id));
    await reader.close();
    expect(ids).toEqual(new Set([0, 1, 2, 3, 4].map((n) => `${transaction.gid}/1/${n}`)));
  }, 120_000);
});

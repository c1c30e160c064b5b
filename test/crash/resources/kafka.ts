import { kafka } from '@unanimous/participant-sdk/kafka';
import { Kafka, logLevel } from 'kafkajs';
import { hasKafka, kafkaTool, startKafka } from '../../../examples/support/kafka-server.ts';
import type { Effect, ResourceCase } from '../support/resource-case.ts';
import { runClient } from '../support/run-client.ts';

/** Each transaction publishes two messages under one key to a topic of three partitions. */
export const resourceCase: ResourceCase<{ readonly broker: string }> = {
  title: 'Kafka',
  module: import.meta.url,
  reader: 'kafka-console-consumer',
  promised: { parts: 2, repeats: 'known by id', order: 'within' },
  isPresent: hasKafka,

  async start(parts) {
    const server = await startKafka();
    parts.use({ [Symbol.asyncDispose]: () => server.stop() });
    const broker = `127.0.0.1:${server.port}`;
    const admin = clientOf(broker).admin();
    await admin.connect();
    const topics = [{ topic: 'entries', numPartitions: 3 }];
    await admin.createTopics({ topics, waitForLeaders: true });
    await admin.disconnect();
    return { settings: { broker }, server, read: async () => consumed(broker) };
  },

  async serve(tm, rm, { broker }) {
    const client = clientOf(broker);
    const producer = client.producer();
    const admin = client.admin();
    await Promise.all([producer.connect(), admin.connect()]);
    const topic = await tm.serve(kafka({ rm, producer, admin }));
    return (effect: Effect) => topic.publish('entries', effect, { key: String(effect.n) });
  },
};

function clientOf(broker: string): Kafka {
  const retry = { retries: 3, initialRetryTime: 50, maxRetryTime: 200 };
  const timeouts = { connectionTimeout: 1_000, requestTimeout: 5_000 };
  return new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry, ...timeouts });
}

function consumed(broker: string) {
  const from = ['--bootstrap-server', broker, '--topic', 'entries', '--from-beginning'];
  const print = ['--property', 'print.headers=true', '--timeout-ms', '5000'];
  const tool = kafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', ...from, ...print);
  const lines = runClient('java', tool).split('\n').filter(Boolean);
  return lines.map((line) => {
    const [headers = '', value = ''] = line.split('\t');
    const id = /unanimous-id:([^,]+)/.exec(headers)?.[1] ?? '';
    return { ...(JSON.parse(value) as Effect), id };
  });
}

import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { type Kafka, kafka } from '@unanimous/participant-sdk/kafka';
import { sourceArgv } from '../support/source-argv.ts';
import { kafkaClient } from './kafka-fixture.ts';
import { TopicReader } from './topic-reader.ts';

const topic = 'conformance';

/** One topic of one partition, read by a consumer who leaves out what he knows by its id. */
export function conformanceSubject({ port }: { readonly port: number }): ConformanceSubject<Kafka> {
  const client = kafkaClient(port);
  const close: (() => Promise<unknown>)[] = [];
  let reading: Promise<TopicReader> | undefined;
  const reader = async () => {
    const admin = client.admin();
    await admin.connect();
    close.push(() => admin.disconnect());
    const reads = await TopicReader.open(client, admin, topic);
    close.push(() => reads.close());
    return reads;
  };
  return {
    kind: 'logged',
    async make(rm) {
      const admin = client.admin();
      const producer = client.producer();
      await Promise.all([admin.connect(), producer.connect()]);
      close.push(() => Promise.all([producer.disconnect(), admin.disconnect()]));
      return kafka({ rm, producer, admin });
    },
    write: (resource, key, text) => resource.publish(topic, text, { key }),
    async read(key) {
      reading ??= reader();
      const messages = (await (await reading).all()).filter((message) => message.key === key);
      const first = new Map(messages.toReversed().map((message) => [message.id, message]));
      return messages
        .filter((message) => first.get(message.id) === message)
        .map(({ text }) => JSON.parse(text) as string);
    },
    fail: (resource, key) => resource.publish('nowhere', key),
    child: { module: import.meta.url, input: { port }, execArgv: sourceArgv },
    async close() {
      await Promise.all(close.map((end) => end()));
    },
  };
}

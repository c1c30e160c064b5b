import { type Admin, Kafka as KafkaClient, logLevel, type Producer } from 'kafkajs';
import { kafka, type KafkaOptions } from '../../../participant-sdk/src/kafka/index.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';
import { TopicReader } from './topic-reader.ts';

/** A client as users make one, with little patience. */
export function kafkaClient(port: number): KafkaClient {
  const retry = { retries: 3, initialRetryTime: 50, maxRetryTime: 200 };
  const timeouts = { connectionTimeout: 1_000, requestTimeout: 5_000 };
  return new KafkaClient({
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    retry,
    ...timeouts,
  });
}

/** Resources on a running Kafka, and an operator's admin client and reader beside. */
export class KafkaFixture {
  readonly coordinator = new TestCoordinator();
  readonly operator: Admin;
  readonly #client: KafkaClient;
  readonly #close: (() => Promise<unknown>)[] = [];

  private constructor(client: KafkaClient, operator: Admin) {
    this.#client = client;
    this.operator = operator;
  }

  static async open(port: number): Promise<KafkaFixture> {
    const client = kafkaClient(port);
    const operator = client.admin();
    await operator.connect();
    return new KafkaFixture(client, operator);
  }

  async serve(options: Partial<KafkaOptions> = {}) {
    const producer: Producer = this.#client.producer();
    await producer.connect();
    this.#close.push(() => producer.disconnect());
    const resource = kafka({ rm: 'events', producer, admin: this.operator, ...options });
    return this.coordinator.serve(resource);
  }

  async createTopic(topic: string, numPartitions = 1): Promise<void> {
    await this.operator.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
  }

  /** A reader of a topic, from its beginning. */
  async reader(topic: string): Promise<TopicReader> {
    const reader = await TopicReader.open(this.#client, this.operator, topic);
    this.#close.push(() => reader.close());
    return reader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#close) await close();
    await this.operator.disconnect();
  }
}

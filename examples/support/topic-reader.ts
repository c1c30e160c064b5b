import { randomUUID } from 'node:crypto';
import type { Admin, Consumer, Kafka } from 'kafkajs';
import { waitUntil } from './wait-until.ts';

/** A message as a consumer sees it. */
export interface ReadMessage {
  readonly id: string;
  readonly key: string | undefined;
  readonly text: string;
  readonly partition: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads all of a topic. */
export class TopicReader {
  readonly #consumer: Consumer;
  readonly #admin: Admin;
  readonly #topic: string;
  readonly #messages: ReadMessage[] = [];
  readonly #next = new Map<number, number>();

  private constructor(consumer: Consumer, admin: Admin, topic: string) {
    this.#consumer = consumer;
    this.#admin = admin;
    this.#topic = topic;
  }

  static async open(client: Kafka, admin: Admin, topic: string): Promise<TopicReader> {
    const consumer = client.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100 });
    const reader = new TopicReader(consumer, admin, topic);
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const entries = Object.entries(message.headers ?? {});
        const headers = Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
        const id = headers['unanimous-id'] ?? '';
        const key = message.key?.toString();
        reader.#messages.push({ id, key, text: String(message.value), partition, headers });
        reader.#next.set(partition, Number(message.offset) + 1);
      },
    });
    return reader;
  }

  /** All messages that are in the topic now. */
  async all(): Promise<readonly ReadMessage[]> {
    const ends = await this.#admin.fetchTopicOffsets(this.#topic);
    const isRead = () =>
      ends.every(({ partition, high }) => (this.#next.get(partition) ?? 0) >= Number(high));
    await waitUntil(isRead, { what: `all of ${this.#topic}`, timeoutMs: 15_000 });
    return [...this.#messages];
  }

  async texts(): Promise<string[]> {
    return (await this.all()).map(({ text }) => text);
  }

  close(): Promise<void> {
    return this.#consumer.disconnect();
  }
}

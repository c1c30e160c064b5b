/**
 * What the resource uses of a Kafka client: a connected producer and admin, of kafkajs, or of
 * `@confluentinc/kafka-javascript` by its interface that is like it. Handed in by the user, so that the SDK
 * imports no driver.
 */
export interface KafkaProducer {
  /** Resolves when the brokers have confirmed all, as `acks: -1` demands. */
  send(record: { readonly topic: string; messages: KafkaRecord[] }): Promise<unknown>;
  /** True is refused: see docs/kafka.md. */
  isIdempotent?(): boolean;
}

/** A message as the driver takes it. */
export interface KafkaRecord {
  key?: string | null;
  value: Buffer;
  partition?: number;
  headers: Record<string, string>;
}

/** What it uses of an admin client. */
export interface KafkaAdmin {
  listTopics(): Promise<string[]>;
  /** Absent: the name stands for whatever `identity` says. */
  describeCluster?(): Promise<{ readonly clusterId: string }>;
}

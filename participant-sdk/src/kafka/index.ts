// The public list of @unanimous/participant-sdk/kafka, kept by hand.

export { type Kafka, kafka, type KafkaOptions } from './kafka.ts';
export type { KafkaPublishOptions } from './kafka-message.ts';
export type { KafkaAdmin, KafkaProducer, KafkaRecord } from './kafka-client.ts';

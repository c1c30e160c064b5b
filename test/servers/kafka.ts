export { hasKafka, type KafkaServer, startKafka } from '../../examples/support/kafka-server.ts';

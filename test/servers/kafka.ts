export {
  hasKafka,
  type KafkaServer,
  kafkaTool,
  startKafka,
} from '../../examples/support/kafka-server.ts';

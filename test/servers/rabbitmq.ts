export {
  hasRabbitmq,
  type RabbitmqServer,
  startRabbitmq,
} from '../../examples/support/rabbitmq-server.ts';

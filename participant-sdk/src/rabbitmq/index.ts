// The public list of @unanimous/participant-sdk/rabbitmq, kept by hand.

export { rabbitmq, type Rabbitmq, type RabbitmqOptions } from './rabbitmq.ts';
export type { RabbitPublishOptions, RabbitTarget } from './rabbit-message.ts';
export type { AmqpChannel, AmqpConfirmChannel, AmqpConnection, Amqplib } from './amqplib.ts';

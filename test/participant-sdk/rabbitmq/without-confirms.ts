import type { EventEmitter } from 'node:events';
import * as amqplib from 'amqplib';
import type {
  AmqpConfirmChannel,
  AmqpConnection,
  Amqplib,
} from '../../../participant-sdk/src/rabbitmq/index.ts';

/** amqplib, but its first connections never hear a confirm: as if they were cut before it. */
export function withoutConfirms(connections: number): Amqplib {
  let left = connections;
  return {
    async connect(url, socketOptions) {
      const connection = (await amqplib.connect(url, socketOptions)) as AmqpConnection;
      if (left-- > 0) deafen(connection);
      return connection;
    },
  };
}

function deafen(connection: AmqpConnection): void {
  const create = connection.createConfirmChannel.bind(connection);
  connection.createConfirmChannel = async () => {
    const channel = await create();
    (channel as unknown as EventEmitter).setMaxListeners(0);
    const publish: AmqpConfirmChannel['publish'] = channel.publish.bind(channel);
    channel.publish = (exchange, routingKey, content, properties, confirmed) =>
      publish(exchange, routingKey, content, properties, (error) => {
        if (error) confirmed(error);
        else channel.on('close', () => confirmed(new Error('channel closed')));
      });
    return channel;
  };
}

import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rabbitmq } from '@unanimous/participant-sdk/rabbitmq';
import * as amqplib from 'amqplib';
import { hasRabbitmq, startRabbitmq } from '../../servers/rabbitmq.ts';
import { freePort } from '../../support/free-port.ts';
import type { Effect, ResourceCase } from '../support/resource-case.ts';
import { hasClient, runClient } from '../support/run-client.ts';

/** Each transaction publishes two messages to one durable queue. */
export const resourceCase: ResourceCase<{ readonly url: string }> = {
  title: 'RabbitMQ',
  module: import.meta.url,
  reader: 'rabbitmqadmin',
  promised: { parts: 2, repeats: 'known by id', order: 'within' },
  isPresent: () => hasRabbitmq() && hasClient('rabbitmqadmin'),

  async start(parts) {
    const server = parts.use(await startRabbitmq());
    const connection = await amqplib.connect(server.url);
    const channel = await connection.createChannel();
    await channel.assertQueue('entries', { durable: true });
    await connection.close();
    return {
      settings: { url: server.url },
      server,
      async read() {
        const port = await freePort();
        // rabbitmqadmin speaks to a plugin, which would make each start slower.
        writeFileSync(join(server.folder, 'enabled_plugins'), '[rabbitmq_management].\n');
        const listen = `management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = ${port}\n`;
        appendFileSync(join(server.folder, 'rabbitmq.conf'), listen);
        await server.restart();
        return messagesBy(port);
      },
    };
  },

  async serve(tm, rm, { url }) {
    const broker = await tm.serve(rabbitmq({ rm, amqplib, url }));
    return (effect: Effect) => broker.publish('entries', effect);
  },
};

interface Got {
  readonly payload: string;
  readonly properties: { readonly message_id: string };
}

function messagesBy(port: number) {
  const ask = ['-H', '127.0.0.1', '-P', String(port), '-f', 'raw_json', 'get', 'queue=entries'];
  const text = runClient('rabbitmqadmin', [...ask, 'count=1000000', 'ackmode=ack_requeue_true']);
  return (JSON.parse(text) as Got[]).map(({ payload, properties }) => {
    return { ...(JSON.parse(payload) as Effect), id: properties.message_id };
  });
}

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { nats } from '@unanimous/participant-sdk/nats';
import { hasNats, startNats } from '../../servers/nats.ts';
import { readStream } from '../support/nats-wire.ts';
import type { Effect, ResourceCase } from '../support/resource-case.ts';

/** Each transaction publishes two messages to one stream that is kept in a file. */
export const resourceCase: ResourceCase<{ readonly address: string }> = {
  title: 'NATS JetStream',
  module: import.meta.url,
  reader: 'its text protocol, over TCP',
  promised: { parts: 2, repeats: 'none', order: 'within' },
  isPresent: hasNats,

  async start(parts) {
    const server = await startNats();
    parts.use({ [Symbol.asyncDispose]: () => server.stop() });
    const connection = await connect({ servers: server.address });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'entries', subjects: ['entries.>'] });
    await connection.close();
    return {
      settings: { address: server.address },
      server,
      async read() {
        const messages = await readStream(server.port, 'entries');
        return messages.map(({ id, body }) => ({ ...(JSON.parse(body) as Effect), id }));
      },
    };
  },

  async serve(tm, rm, { address }) {
    const patience = { maxReconnectAttempts: -1, reconnectTimeWait: 50 };
    const connection = await connect({ servers: address, ...patience });
    const stream = await tm.serve(nats({ rm, connection, nats: { jetstream, headers } }));
    return (effect: Effect) => stream.publish(`entries.${effect.n}`, effect);
  },
};

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { type Nats, nats } from '@unanimous/participant-sdk/nats';
import { sourceArgv } from '../support/source-argv.ts';

/** Where the resource connects, and where the reader does. */
export interface NatsAddresses {
  readonly address: string;
  readonly readerAddress: string;
}

const stream = 'conformance';

/** One stream that is kept in a file, with a subject for each key. */
export function conformanceSubject(addresses: NatsAddresses): ConformanceSubject<Nats> {
  const connections: NatsConnection[] = [];
  let reader: Promise<NatsConnection> | undefined;
  const connected = async (servers: string) => {
    const options = { servers, maxReconnectAttempts: -1, reconnectTimeWait: 50 };
    const connection = await connect(options);
    connections.push(connection);
    return connection;
  };
  const manager = async () => {
    reader ??= connected(addresses.readerAddress);
    const found = await jetstreamManager(await reader);
    await found.streams.add({ name: stream, subjects: [`${stream}.>`] }); // nothing, when it is there
    return found;
  };
  return {
    kind: 'logged',
    async make(rm) {
      await manager();
      const connection = await connected(addresses.address);
      const modules = { jetstream, headers };
      return nats({ rm, connection, nats: modules, confirmTimeoutMs: 1_000 });
    },
    write: (resource, key, text) => resource.publish(`${stream}.${key}`, text),
    async read(key) {
      const { streams } = await manager();
      const { state } = await streams.info(stream);
      const texts: string[] = [];
      for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
        const message = await streams.getMessage(stream, { seq });
        if (message?.subject === `${stream}.${key}`) texts.push(message.json());
      }
      return texts;
    },
    fail: (resource) => resource.publish('nowhere', 1),
    child: { module: import.meta.url, input: addresses, execArgv: sourceArgv },
    async close() {
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

import { jetstream, jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { nats, type NatsOptions } from '../../../participant-sdk/src/nats/index.ts';
import type { NatsServer } from '../../servers/nats.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';

/** Resources on a running NATS server, each with a connection of its own, and an operator's beside. */
export class NatsFixture {
  readonly coordinator = new TestCoordinator();
  readonly operator: NatsConnection;
  readonly #server: NatsServer;
  readonly #connections: NatsConnection[] = [];

  private constructor(server: NatsServer, operator: NatsConnection) {
    this.#server = server;
    this.operator = operator;
    this.#connections.push(operator);
  }

  static async open(server: NatsServer): Promise<NatsFixture> {
    return new NatsFixture(server, await connect({ servers: server.address }));
  }

  /** A connection as a user makes one. */
  async connect(): Promise<NatsConnection> {
    const options = { servers: this.#server.address, maxReconnectAttempts: -1 };
    const connection = await connect({ ...options, reconnectTimeWait: 50 });
    this.#connections.push(connection);
    return connection;
  }

  async serve(options: Partial<NatsOptions<NatsConnection>> = {}) {
    const connection = await this.connect();
    const resource = nats({
      rm: 'events',
      connection,
      nats: { jetstream, headers },
      ...options,
    });
    return this.coordinator.serve(resource);
  }

  /** Adds a stream that is kept in a file. */
  async addStream(name: string, config: Partial<StreamConfig> = {}): Promise<void> {
    const manager = await jetstreamManager(this.operator);
    await manager.streams.add({ name, subjects: [`${name}.>`], ...config });
  }

  /** All that a stream holds. */
  async messages(name: string) {
    const manager = await jetstreamManager(this.operator);
    const { state } = await manager.streams.info(name);
    const found = [];
    for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
      const message = await manager.streams.getMessage(name, { seq });
      if (!message) continue;
      const header = (key: string) => message.header.get(key);
      const [id, gid] = [header('Nats-Msg-Id'), header('unanimous-gid')];
      const position = header('unanimous-position');
      found.push({ id, gid, position, kind: header('kind'), text: message.string() });
    }
    return found;
  }

  async texts(name: string): Promise<string[]> {
    return (await this.messages(name)).map(({ text }) => text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}

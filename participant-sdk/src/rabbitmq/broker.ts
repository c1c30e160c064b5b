import { UnanimousError } from '@unanimous/proto';
import { type AmqpConnection, type Amqplib, errorText } from './amqplib.ts';
import type { BrokerAddress } from './broker-address.ts';

/** What a broker connection is made from. */
export interface BrokerOptions {
  readonly rm: string;
  readonly amqplib: Amqplib;
  readonly address: BrokerAddress;
  /** Given to `amqplib.connect`: TLS certificates, credentials, timeouts. */
  readonly socketOptions: object;
}

type State =
  | { readonly is: 'new' }
  | { readonly is: 'connecting'; readonly attempt: Promise<AmqpConnection> }
  | { readonly is: 'connected'; readonly connection: AmqpConnection; blocked?: string | undefined }
  | { readonly is: 'waiting'; readonly timer: NodeJS.Timeout; readonly cause: unknown }
  | { readonly is: 'closed' };

const firstPauseMs = 100;
const longestPauseMs = 5_000;

/**
 * A connection that comes back by itself. It never throws into the event loop: whoever needs the
 * broker asks for the connection and gets it or a typed error.
 */
export class Broker {
  readonly #options: BrokerOptions;
  #state: State = { is: 'new' };
  #identity: string | undefined;
  #failures = 0;

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  /** Connects for the first time, or again after `close`. What the broker calls itself. */
  async open(): Promise<string> {
    if (this.#state.is === 'new' || this.#state.is === 'closed') this.#connect();
    try {
      await this.connection();
    } catch (error) {
      if (this.#identity === undefined) this.#reset();
      throw error;
    }
    return this.#identity ?? '';
  }

  /**
   * The connection.
   * @throws UnanimousError `rm-unavailable` while there is none or the broker takes no messages.
   */
  async connection(): Promise<AmqpConnection> {
    const { rm, address } = this.#options;
    if (this.#state.is === 'connecting') await this.#state.attempt.catch(() => {});
    switch (this.#state.is) {
      case 'connected':
        if (this.#state.blocked === undefined) return this.#state.connection;
        throw new UnanimousError(
          'rm-unavailable',
          `RabbitMQ at ${address.name} blocks publishers: ${this.#state.blocked}`,
          { rm, hint: 'The broker is low on memory or disk. Let its queues drain.' },
        );
      case 'waiting':
        throw this.#unavailable(this.#state.cause);
      case 'closed':
        throw new UnanimousError('closed', `${rm} was closed`, { rm });
      default:
        throw this.#unavailable(new Error('not connected yet'));
    }
  }

  /** Lets the connection go. Idempotent. */
  async close(): Promise<void> {
    const state = this.#state;
    this.#reset();
    this.#state = { is: 'closed' };
    // A connection that is still being made ends itself when it finds us closed.
    if (state.is === 'connected') await endConnection(state.connection);
  }

  #reset(): void {
    if (this.#state.is === 'waiting') clearTimeout(this.#state.timer);
    this.#state = { is: 'new' };
    this.#failures = 0;
  }

  #connect(): void {
    const { rm, amqplib, address, socketOptions } = this.#options;
    const clientProperties = { connection_name: `unanimous ${rm}` }; // in the broker's own lists
    const options = { timeout: 10_000, clientProperties, ...socketOptions };
    const attempt = amqplib.connect(address.url, options);
    const connecting: State = { is: 'connecting', attempt: attempt.then((c) => this.#welcome(c)) };
    this.#state = connecting;
    connecting.attempt.catch((error: unknown) => {
      if (this.#state === connecting) this.#retryLater(error);
    });
  }

  async #welcome(connection: AmqpConnection): Promise<AmqpConnection> {
    const connected: State = { is: 'connected', connection };
    let lastError: unknown;
    connection.on('error', (error) => {
      lastError = error; // 'close' follows; without a listener the process would end
    });
    connection.on('close', (error) => {
      if (this.#state !== connected) return;
      this.#retryLater(error ?? lastError ?? new Error('the broker closed the connection'));
    });
    connection.on('blocked', (reason) => {
      connected.blocked = String(reason);
    });
    connection.on('unblocked', () => {
      connected.blocked = undefined;
    });
    if (this.#state.is !== 'connecting') {
      await endConnection(connection); // closed meanwhile
      throw new Error('closed');
    }
    const identity = this.#identify(connection);
    if (identity !== (this.#identity ??= identity)) {
      await endConnection(connection);
      const message = `${this.#options.rm} was ${this.#identity}, now ${identity} answers`;
      throw new UnanimousError('rm-identity-mismatch', message, { rm: this.#options.rm });
    }
    this.#failures = 0;
    this.#state = connected;
    return connection;
  }

  #identify(connection: AmqpConnection): string {
    const { serverProperties } = connection.connection;
    const name = 'cluster_name' in serverProperties ? String(serverProperties.cluster_name) : '';
    return `rabbitmq:${name}:${this.#options.address.vhost}`;
  }

  #retryLater(cause: unknown): void {
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#failures++);
    const jittered = pauseMs * (0.8 + Math.random() * 0.4);
    const timer = setTimeout(() => this.#connect(), jittered);
    this.#state = { is: 'waiting', timer, cause };
  }

  #unavailable(cause: unknown): UnanimousError {
    if (cause instanceof UnanimousError) return cause;
    const { rm, address } = this.#options;
    const text = errorText(cause) || String((cause as { code?: unknown }).code ?? cause);
    const message = `RabbitMQ at ${address.name}: ${text}`;
    const isRefused = /ACCESS[-_]REFUSED|NOT[-_]ALLOWED/.test(text);
    const hint = isRefused
      ? 'Check the user, its password and its rights on the virtual host.'
      : 'Is RabbitMQ running there? Look at its log.';
    return new UnanimousError('rm-unavailable', message, {
      rm,
      cause,
      hint,
      retryable: !isRefused,
    });
  }
}

/** Ends a connection in order, or after two seconds by force. */
async function endConnection(connection: AmqpConnection): Promise<void> {
  const unanswered = new Error('the broker did not answer the close');
  // Without an error amqplib would not notice, wait on, and keep the process alive by heartbeats.
  const timer = setTimeout(() => connection.connection.stream?.destroy(unanswered), 2_000);
  const closed = new Promise((resolve) => connection.on('close', resolve));
  try {
    await Promise.race([connection.close(), closed]);
  } catch {
    // It was closed already.
  }
  clearTimeout(timer);
}

/**
 * What the resource uses of the NATS clients: `connect`'s connection, and functions of
 * `@nats-io/jetstream` and `@nats-io/transport-node`. Handed in by the user, so that the SDK imports
 * no driver.
 */
export interface NatsModules<C extends NatsConnection> {
  /** `jetstream` of `@nats-io/jetstream`. */
  jetstream(connection: C): JetStream;
  /** `headers` of `@nats-io/transport-node`. */
  headers(): NatsHeaders;
}

/** What it uses of a connection. */
export interface NatsConnection {
  readonly info?: { readonly cluster?: string } | undefined;
  isClosed(): boolean;
  request(
    subject: string,
    payload: string,
    options: { readonly timeout: number },
  ): Promise<unknown>;
}

/** What it uses of a JetStream client. */
export interface JetStream {
  publish(
    subject: string,
    payload: string | Uint8Array,
    // oxlint-disable-next-line typescript/no-explicit-any -- the headers are the driver's own class
    options: { readonly msgID: string; readonly headers: any; readonly timeout: number },
  ): Promise<{ readonly stream: string }>;
  jetstreamManager(): Promise<{
    readonly streams: {
      find(subject: string): Promise<string>;
      info(name: string): Promise<NatsStreamInfo>;
    };
    readonly consumers: { info(stream: string, consumer: string): Promise<unknown> };
  }>;
}

/** What it reads of a stream. */
export interface NatsStreamInfo {
  readonly config: {
    readonly storage: string;
    readonly discard: string;
    readonly max_msgs: number;
    readonly max_bytes: number;
  };
  readonly state: { readonly messages: number; readonly bytes: number };
}

/** What it uses of headers. */
export interface NatsHeaders {
  set(name: string, value: string): void;
}

/** What the resource uses of amqplib. Handed in by the user, so that the SDK imports no driver. */
export interface Amqplib {
  connect(url: string, socketOptions?: object): Promise<AmqpConnection>;
}

/** What it uses of a connection. */
export interface AmqpConnection {
  readonly connection: {
    readonly serverProperties: object;
    /** The socket; not in amqplib's types, so it may be missing. */
    readonly stream?: { destroy(error: Error): unknown };
  };
  createChannel(): Promise<AmqpChannel>;
  createConfirmChannel(): Promise<AmqpConfirmChannel>;
  on(event: string, listener: (detail: unknown) => void): unknown;
  close(): Promise<void>;
}

/** What it uses of a channel. */
export interface AmqpChannel {
  checkQueue(queue: string): Promise<unknown>;
  checkExchange(exchange: string): Promise<unknown>;
  on(event: string, listener: (detail: unknown) => void): unknown;
  close(): Promise<void>;
}

/** What it uses of a channel with publisher confirms. */
export interface AmqpConfirmChannel extends AmqpChannel {
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    properties: object,
    confirmed: (error: unknown) => void,
  ): boolean;
}

/** The AMQP reply code of an error, say 404, or undefined. */
export function replyCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'code' in error ? Number(error.code) : Number.NaN;
  return Number.isInteger(code) ? code : undefined;
}

/** The text of an error. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

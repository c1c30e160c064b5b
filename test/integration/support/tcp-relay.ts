import { connect, createServer, type Server, type Socket } from 'node:net';

/** A network between a client and a server that a test can stop and cut. */
export class TcpRelay implements AsyncDisposable {
  #target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();
  #answersHeld = false;

  private constructor(target: string) {
    this.#target = parseTarget(target);
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Listens on a free port and passes everything on to `target`, `HOST:PORT`. */
  static async start(target: string): Promise<TcpRelay> {
    const relay = new TcpRelay(target);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get address(): string {
    const bound = this.#server.address();
    return `127.0.0.1:${typeof bound === 'object' && bound ? bound.port : 0}`;
  }

  /** New connections lead to another server from now on; those that are open stay. */
  retarget(target: string): void {
    this.#target = parseTarget(target);
  }

  /** From now on nothing that the server says arrives; what the client says still does. */
  holdAnswers(): void {
    this.#answersHeld = true;
    for (const [, server] of this.#pairs) server.pause();
  }

  /** Lets held answers go. */
  releaseAnswers(): void {
    this.#answersHeld = false;
    for (const [, server] of this.#pairs) server.resume();
  }

  /** Cuts all connections; new ones are let through. What was held is lost. */
  cut(): void {
    this.#answersHeld = false;
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cut();
  }

  #accept(client: Socket): void {
    const server = connect({ ...this.#target, noDelay: true });
    client.setNoDelay(true);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, pair.toReversed()] as [Socket, Socket][]) {
      from.on('data', (chunk) => to.write(chunk));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
    if (this.#answersHeld) server.pause();
  }
}

function parseTarget(target: string) {
  const [host = '', port = ''] = target.split(':');
  return { host, port: Number(port) };
}

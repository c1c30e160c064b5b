import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP connection's way to a server, which a test may cut or freeze. */
export class Relay implements Disposable {
  readonly address: string;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** Relays to `address`, from a port of its own. */
  static async to(address: string): Promise<Relay> {
    const [host, port] = address.split(':');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address() as { port: number };
    const relay = new Relay(server, `127.0.0.1:${bound.port}`);
    server.on('connection', (near) => {
      const far = connect(Number(port), host);
      relay.#pairs.add([near, far]);
      for (const socket of [near, far]) socket.on('error', () => {});
      near.pipe(far).pipe(near);
    });
    return relay;
  }

  /** Resets every connection on both sides. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
    this.#pairs.clear();
  }

  /** Passes nothing on from here, and tells nobody: a machine that lost its power. */
  freeze(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far);
      far.unpipe(near);
      for (const socket of [near, far]) socket.pause();
    }
  }

  [Symbol.dispose](): void {
    this.cut();
    this.#server.close();
  }
}

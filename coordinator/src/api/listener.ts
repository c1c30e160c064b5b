import { unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { UnanimousError } from '@unanimous/proto';
import type { ListenAddress } from './listen-address.ts';

/** Most connections at a time; further ones are closed at once. */
const maxConnections = 2_048;

/** How long a connection may say nothing at all, in milliseconds. */
const firstByteMs = 10_000;

/**
 * Listens, and hands over connections. It keeps the sockets, so that closing leaves none behind, and
 * takes their errors, so that none of them ends the process.
 */
export class Listener {
  readonly #onConnection: (socket: Socket) => void;
  readonly #firstByteMs: number;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  /** Timers of those that have not been looked at yet. */
  readonly #fresh = new Map<Socket, NodeJS.Timeout>();

  constructor(onConnection: (socket: Socket) => void, firstByteWithinMs = firstByteMs) {
    this.#onConnection = onConnection;
    this.#firstByteMs = firstByteWithinMs;
  }

  /**
   * Listens, and answers the address with its actual port.
   * @throws UnanimousError `invalid-argument` when the address cannot be had.
   */
  async listen(address: ListenAddress): Promise<string> {
    try {
      if (address.kind === 'unix') return await this.#listenOnPath(address.path);
      let { port } = address;
      for (const host of address.addresses) port = await this.#listenOnPort(host, port);
      const { host } = address;
      return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    } catch (cause) {
      this.close();
      const { message } = cause as Error;
      throw new UnanimousError('invalid-argument', `listen: ${message}`, {
        hint: 'Is another coordinator running there? Choose another address with --listen.',
        cause,
      });
    }
  }

  /** Takes no more connections; those that are open go on. Idempotent. */
  close(): void {
    for (const server of this.#servers.splice(0)) server.close();
  }

  /** Ends all connections that are left. */
  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listenOnPort(host: string, port: number): Promise<number> {
    await this.#start((server, done) => server.listen({ host, port, exclusive: true }, done));
    const bound = this.#servers.at(-1)?.address();
    return typeof bound === 'object' && bound ? bound.port : port;
  }

  /** Only this user may connect to a socket in the file system. */
  async #listenOnPath(path: string): Promise<string> {
    const listen = () =>
      this.#start((server, done) => {
        const before = process.umask(0o177);
        try {
          server.listen(path, done);
        } finally {
          process.umask(before);
        }
      });
    try {
      await listen();
    } catch (error) {
      // What a killed process left: nobody answers there.
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || (await answers(path))) {
        throw error;
      }
      unlinkSync(path);
      await listen();
    }
    return `unix:${path}`;
  }

  #start(listen: (server: Server, done: () => void) => void): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    server.maxConnections = maxConnections;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      listen(server, () => {
        this.#servers.push(server);
        server.off('error', reject);
        // An error while listening, say no free descriptor: this connection is lost, no other.
        server.on('error', () => {});
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', ignore);
    // The keepalive of HTTP/2 begins only behind the handshake of TLS, which Node gives two minutes.
    const timer = setTimeout(() => {
      this.#fresh.delete(socket); // there may be thousands that stay for days
      if (socket.bytesRead === 0) socket.destroy();
    }, this.#firstByteMs);
    timer.unref();
    this.#fresh.set(socket, timer);
    socket.on('close', () => this.#forget(socket));
    this.#onConnection(socket);
  }

  #forget(socket: Socket): void {
    clearTimeout(this.#fresh.get(socket));
    this.#fresh.delete(socket);
    this.#sockets.delete(socket);
  }
}

function ignore(): void {}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path, () => resolve(true));
    probe.once('error', () => resolve(false));
    probe.once('close', () => probe.destroy());
  });
}

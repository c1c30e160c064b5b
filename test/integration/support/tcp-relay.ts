import { connect, createServer, type Server, type Socket } from 'node:net';

/** What becomes of the bytes of one direction. */
export type Passage =
  | 'pass'
  /** They vanish, and nobody is told: with both directions so, a half-open connection. */
  | 'drop'
  /** They go on one by one, each in a write of its own. */
  | 'dribble'
  | { readonly delayMs: number };

/** Which way bytes go: what the client says, or what the server says. */
export type Direction = 'requests' | 'answers';

/** A network between a client and a server that a test can stop and cut. */
export class TcpRelay implements AsyncDisposable {
  #target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();
  readonly #stranded = new WeakSet<readonly [client: Socket, server: Socket]>();
  #answersHeld = false;
  readonly #passages: Record<Direction, Passage> = { requests: 'pass', answers: 'pass' };
  /** Bytes of the connection that was opened last. */
  readonly #passed: Record<Direction, number> = { requests: 0, answers: 0 };
  #cutAt: { readonly direction: Direction; readonly bytes: number } | undefined;

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

  /** How the bytes of a direction pass from now on. What was dropped stays lost: `cut` afterwards. */
  set(direction: Direction, passage: Passage): void {
    this.#passages[direction] = passage;
  }

  /** Bytes that the connection that was opened last has carried in a direction. */
  passed(direction: Direction): number {
    return this.#passed[direction];
  }

  /** Cuts the next connection, once, when so many bytes of a direction have passed. */
  cutNextAt(direction: Direction, bytes: number): void {
    this.#cutAt = { direction, bytes };
  }

  /** Whether the cut that was announced last has not come yet. */
  get isCutDue(): boolean {
    return this.#cutAt !== undefined;
  }

  /**
   * Carries nothing more on the connections that are there, and keeps both their ends open: each has
   * to notice by itself. New ones are let through.
   */
  strand(): void {
    for (const pair of this.#pairs) this.#stranded.add(pair);
  }

  /** Ends all connections in order, from the server's side: FIN. */
  finish(): void {
    for (const [client, server] of this.#pairs) {
      client.end();
      server.end();
    }
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
    Object.assign(this.#passed, { requests: 0, answers: 0 });
    for (const [from, to] of [pair, pair.toReversed()] as [Socket, Socket][]) {
      const direction = from === client ? 'requests' : 'answers';
      const isStranded = () => this.#stranded.has(pair);
      from.on('data', (chunk) => !isStranded() && this.#carry(direction, chunk, to));
      from.on('end', () => !isStranded() && to.end());
      from.on('error', () => !isStranded() && to.destroy());
      from.on('close', () => {
        if (isStranded() && !to.destroyed) return;
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
    if (this.#answersHeld) server.pause();
  }

  #carry(direction: Direction, chunk: Buffer, to: Socket): void {
    const passage = this.#passages[direction];
    if (passage === 'drop') return;
    const before = this.#passed[direction];
    this.#passed[direction] += chunk.length;
    const cut = this.#cutAt;
    if (cut?.direction === direction && this.#passed[direction] >= cut.bytes) {
      this.#cutAt = undefined;
      to.write(chunk.subarray(0, cut.bytes - before), () => this.cut());
      return;
    }
    if (passage === 'dribble') for (const byte of chunk) to.write(Buffer.of(byte));
    else if (passage === 'pass') to.write(chunk);
    else setTimeout(() => to.writable && to.write(chunk), passage.delayMs);
  }
}

function parseTarget(target: string) {
  const [host = '', port = ''] = target.split(':');
  return { host, port: Number(port) };
}

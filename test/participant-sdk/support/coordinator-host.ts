import { randomBytes } from 'node:crypto';
import type { CoordinatorFrame, LogId, Outcome, PeerFrame, StatusReply } from '@unanimous/proto';
import { reason } from '@unanimous/proto';
import { Coordinator } from '../../../coordinator/src/coordinator.ts';
import { connectInProcess } from '../../../coordinator/src/embedded.ts';
import type { Limits } from '../../../coordinator/src/limits.ts';
import type { DecisionLog } from '../../../coordinator/src/log/decision-log.ts';
import { MemoryDecisionLog, newMemoryDisk } from '../../../coordinator/src/log/memory-log.ts';
import { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import type { TransportOptions } from '../../../participant-sdk/src/client/options.ts';
import type {
  Connection,
  ConnectionListener,
  Transport,
} from '../../../participant-sdk/src/session/transport.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** A real coordinator that tests stop and start, with clients that act as processes of their own. */
export class CoordinatorHost {
  readonly #disk = newMemoryDisk(randomBytes(6).toString('hex') as LogId);
  readonly #clients: TransactionClient[] = [];
  readonly #lines: Line[] = [];
  /** Delays or fails what the log writes. */
  beforeWrite: () => Promise<void> = () => Promise.resolve();
  /** Puts something between the coordinator and its log, at the next start. */
  wrapLog: (log: DecisionLog) => DecisionLog = (log) => log;
  /** Limits from the next start on. */
  limits: Partial<Limits> = {};
  #coordinator: Coordinator | undefined;

  static async start(): Promise<CoordinatorHost> {
    const host = new CoordinatorHost();
    await host.up();
    return host;
  }

  /** Starts the coordinator again: its next epoch. */
  async up(): Promise<void> {
    const log = new MemoryDecisionLog({
      disk: this.#disk,
      newNonce: () => randomBytes(8).toString('hex'),
      beforeWrite: () => this.beforeWrite(),
    });
    this.#coordinator = await Coordinator.start({ log: this.wrapLog(log), limits: this.limits });
  }

  /** Stops the coordinator; who dials finds nobody. All connections break first, as in a crash. */
  async down(): Promise<void> {
    const coordinator = this.#coordinator;
    this.#coordinator = undefined;
    for (const line of this.#lines) line.cut();
    await coordinator?.close();
  }

  /** What the coordinator's operator sees; undefined while it is down. */
  status(): StatusReply | undefined {
    return this.#coordinator?.operations.status();
  }

  /** Tells everybody that it is about to stop. */
  announceDrain(): void {
    this.#coordinator?.sessions.announceDrain();
  }

  /** An operator speaks. */
  async resolve(...word: Parameters<Coordinator['operations']['resolve']>): Promise<void> {
    await this.#coordinator?.operations.resolve(...word);
  }

  /**
   * A transaction whose work is handed over, as a client in another language does: the same bytes for
   * each resource manager. Throws what enlisting throws; then it is aborted.
   */
  async commitWork(rms: readonly string[], work: Uint8Array): Promise<Outcome> {
    const coordinator = this.#coordinator;
    if (!coordinator) throw new Error('the coordinator is down');
    const owner = { secret: randomBytes(16).toString('hex') };
    const { gid } = coordinator.begin(owner, 1_000, 'handed over');
    try {
      for (const rm of rms) coordinator.enlist(gid, { rm, work }, owner);
    } catch (error) {
      coordinator.abort(gid, owner, reason('client-aborted', 'not enlisted'), () => {});
      throw error;
    }
    return new Promise((resolve) => coordinator.commit(gid, owner, 100, resolve));
  }

  /** Why the coordinator has stopped by itself. */
  get failure(): Error | undefined {
    return this.#coordinator?.failure;
  }

  /** A line to the coordinator that can be cut, and one client's transport. */
  line(): Line {
    const line = new Line(() => this.#coordinator);
    this.#lines.push(line);
    return line;
  }

  /** A client as a process of its own would have it. */
  client(options: Partial<TransportOptions> = {}): TransactionClient {
    const client = new TransactionClient({
      service: 'test',
      scanIntervalMs: 200,
      transport: this.line(),
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.down();
  }
}

interface OpenConnection {
  readonly listener: ConnectionListener;
  readonly link: { write(frame: PeerFrame): boolean; close(): void };
  isOver: boolean;
}

/** A network between one client and the coordinator. */
export class Line implements Transport {
  readonly address = 'line';
  /** Sees each frame of the coordinator; false loses it, and the connection with it. */
  onFrame: (frame: CoordinatorFrame) => boolean = () => true;
  /** Sees each frame of the client; false loses it, and the connection with it. */
  onWrite: (frame: PeerFrame) => boolean = () => true;
  /** While true, nobody answers. */
  isDead = false;
  connections = 0;
  readonly #find: () => Coordinator | undefined;
  #open: OpenConnection | undefined;

  constructor(find: () => Coordinator | undefined) {
    this.#find = find;
  }

  connect(listener: ConnectionListener): Connection {
    this.connections += 1;
    const coordinator = this.isDead ? undefined : this.#find();
    if (!coordinator) {
      setImmediate(() => listener.closed(new Error('connection refused')));
      return { write: () => true, close: () => {} };
    }
    const link = connectInProcess(coordinator, {
      frame: (frame) => {
        if (open.isOver) return;
        if (this.onFrame(frame)) listener.frame(frame);
        else this.cut();
      },
      closed: (error) => this.#over(open, error),
    });
    const open: OpenConnection = { listener, link, isOver: false };
    this.#open = open;
    return {
      write: (frame) => {
        if (open.isOver) return true;
        if (this.onWrite(frame)) return link.write(frame);
        this.cut();
        return true;
      },
      close: () => {
        setImmediate(() => {
          link.close();
          this.#over(open);
        });
      },
    };
  }

  /** Waits until its client has gids: the next transactions begin without a word. */
  async haveGids(client: TransactionClient): Promise<void> {
    let hasGids = false;
    this.onFrame = (frame) => {
      hasGids ||= frame.reserved.length > 0;
      return true;
    };
    await client.transaction(() => 'nothing');
    await waitUntil(() => hasGids, { what: 'a block of gids' });
  }

  /** Breaks the connection, on both sides. */
  cut(): void {
    const open = this.#open;
    if (!open || open.isOver) return;
    open.link.close();
    setImmediate(() => this.#over(open, new Error('connection reset')));
  }

  close(): Promise<void> {
    this.cut();
    return Promise.resolve();
  }

  #over(open: OpenConnection, error?: Error): void {
    if (open.isOver) return;
    open.isOver = true;
    open.listener.closed(error);
  }
}

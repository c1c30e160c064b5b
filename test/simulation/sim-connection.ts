import type { CoordinatorFrame, PeerFrame } from '@unanimous/proto';
import { coordinatorService } from '@unanimous/proto';
import type { Session } from '../../coordinator/src/sessions/session.ts';
import type {
  Connection,
  ConnectionListener,
} from '../../participant-sdk/src/session/transport.ts';
import type { Acceptor, Network } from './network.ts';
import type { SimProcess } from './sim-process.ts';

/** How long a dead peer stays unnoticed at most: three times what keepalive has. */
const keepaliveMs = 15_000;

/** One direction of a connection: what arrives keeps its order. */
class Pipe {
  isDead = false;
  /** Grows when what is under way is lost. */
  lost = 0;
  lastMs = 0;
}

/** One connection, seen from both of its ends. */
export class SimConnection implements Connection {
  readonly client: SimProcess;
  readonly #network: Network;
  readonly #listener: ConnectionListener;
  readonly #up = new Pipe();
  readonly #down = new Pipe();
  #server: SimProcess | undefined;
  #session: Session | undefined;
  #clientOpen = true;
  #serverOpen = false;
  #isClosing = false;

  constructor(network: Network, client: SimProcess, listener: ConnectionListener) {
    this.#network = network;
    this.client = client;
    this.#listener = listener;
    client.onDeath(() => this.#clientDied());
  }

  open(): void {
    const { clock, acceptor } = this.#network.options;
    const arriveMs = clock.nowMs + this.#delayMs();
    this.#up.lastMs = arriveMs;
    clock.later(arriveMs - clock.nowMs, () => {
      if (!this.client.isAlive || this.#network.isPartitioned(this.client)) return;
      const found = acceptor();
      if (!found?.process.isAlive) {
        this.#clientNotices(this.#delayMs(), new Error('connection refused'));
        return;
      }
      this.#server = found.process;
      found.process.onDeath(() => this.#serverDied());
      found.process.run(() => this.#accept(found));
    });
  }

  #accept({ coordinator }: Acceptor): void {
    if (this.#up.isDead) return;
    this.#serverOpen = true;
    this.#session = coordinator.openSession({
      write: (frame) => this.#writeDown(frame),
      end: (error) => {
        if (!this.#serverOpen) return;
        this.#serverOpen = false;
        this.#send(this.#down, this.client, () => this.#clientClosed(error));
        this.#forgetWhenOver();
      },
    });
  }

  write(frame: PeerFrame): boolean {
    const { codec, tellUp, marks } = this.#network.options;
    if (!this.#clientOpen || !this.client.effect('frame')) return true;
    tellUp?.(this.client, frame);
    if (frame.wholes.length > 0) marks.hit('tx.whole');
    if (frame.begins.some(({ gid }) => gid !== '')) marks.hit('tx.told');
    const sent = codec ? reencode(frame, 'request') : frame;
    const send = () => this.#serverOpen && this.#session?.receive(sent);
    this.#send(this.#up, undefined, send);
    this.client.effect('frame');
    return !this.#isSlow(this.client, () => this.#clientOpen && this.#listener.drained());
  }

  #writeDown(frame: CoordinatorFrame): boolean {
    const { codec, tellDown, onFrame, onArrival } = this.#network.options;
    const server = this.#server as SimProcess;
    if (!this.#serverOpen || !server.effect('frame')) return true;
    onFrame(frame, this.client, server);
    tellDown?.(this.client, frame);
    const sent = codec ? reencode(frame, 'response') : frame;
    this.#send(this.#down, this.client, () => {
      if (!this.#clientOpen) return;
      onArrival(frame, this.client);
      this.#listener.frame(sent);
    });
    server.effect('frame');
    return !this.#isSlow(server, () => this.#serverOpen && this.#session?.drained());
  }

  /** The client ends it after what was written. */
  close(): void {
    if (!this.#clientOpen || this.#isClosing || !this.client.isAlive) return;
    this.#isClosing = true;
    this.#send(this.#up, undefined, () => this.#serverLost());
    this.#clientNotices(this.#up.isDead || !this.#server ? 1_000 : 2 * this.#delayMs());
  }

  /** Both ends hear soon, each at its own time; what is under way may be lost. */
  reset(): void {
    const { random } = this.#network.options;
    this.#cut(random.chance(0.5), random.chance(0.5));
    this.#clientNotices(random.delay(0, 50));
    this.#serverNotices(random.delay(0, 50));
  }

  /** One end hears soon, and the other by its keepalive. */
  halfOpen(choice: number): void {
    const { random } = this.#network.options;
    this.#cut(choice < 0.7, random.chance(0.5));
    const [fast, slow] = [random.delay(0, 20), random.delay(100, keepaliveMs)];
    this.#clientNotices(choice < 0.5 ? fast : slow);
    this.#serverNotices(choice < 0.5 ? slow : fast);
  }

  /** Only one direction still carries frames. */
  oneWay(choice: number): void {
    const { random } = this.#network.options;
    (choice < 0.5 ? this.#up : this.#down).isDead = true;
    this.#clientNotices(random.delay(50, keepaliveMs));
    this.#serverNotices(random.delay(50, keepaliveMs));
  }

  /** Nothing arrives for a time, then all of it. */
  stall(forMs: number, choice: number): void {
    const untilMs = this.#network.options.clock.nowMs + forMs;
    if (choice < 0.7) this.#up.lastMs = Math.max(this.#up.lastMs, untilMs);
    if (choice > 0.3) this.#down.lastMs = Math.max(this.#down.lastMs, untilMs);
  }

  /** Nothing arrives any more, and nobody has noticed yet. */
  blackhole(): void {
    const { random } = this.#network.options;
    this.#cut(true, true);
    this.#clientNotices(random.delay(100, keepaliveMs));
    this.#serverNotices(random.delay(100, keepaliveMs));
  }

  heal(): void {
    if (!this.#up.isDead && !this.#down.isDead) return;
    this.#clientNotices(10);
    this.#serverNotices(10);
  }

  #isSlow(process: SimProcess, drained: () => void): boolean {
    const { random, slowReceiver, marks } = this.#network.options;
    if (!random.chance(slowReceiver())) return false;
    marks.hit('net.slow');
    process.later(random.delay(0, 50), drained);
    return true;
  }

  #send(pipe: Pipe, to: SimProcess | undefined, deliver: () => void): void {
    if (pipe.isDead) return;
    const { clock } = this.#network.options;
    pipe.lastMs = Math.max(pipe.lastMs, clock.nowMs + this.#delayMs());
    const { lost } = pipe;
    clock.later(pipe.lastMs - clock.nowMs, () => {
      if (pipe.lost !== lost) return;
      (to ?? this.#server)?.run(deliver);
    });
  }

  #cut(up: boolean, down: boolean): void {
    this.#up.isDead = true;
    this.#down.isDead = true;
    if (up) this.#up.lost += 1;
    if (down) this.#down.lost += 1;
  }

  #clientDied(): void {
    const { random } = this.#network.options;
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#cut(random.chance(0.5), true);
    this.#serverNotices(random.chance(0.8) ? random.delay(0, 20) : random.delay(0, keepaliveMs));
    this.#forgetWhenOver();
  }

  #serverDied(): void {
    const { random } = this.#network.options;
    if (!this.#serverOpen) return;
    this.#serverOpen = false;
    this.#cut(true, random.chance(0.5));
    this.#clientNotices(random.chance(0.8) ? random.delay(0, 20) : random.delay(0, keepaliveMs));
    this.#forgetWhenOver();
  }

  #clientNotices(delayMs: number, error = new Error('connection reset')): void {
    this.client.later(delayMs, () => this.#clientClosed(error));
  }

  #clientClosed(error: Error | undefined): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#up.isDead ||= !this.#isClosing;
    // A connection that the client has left still lives at the other end, until that notices.
    this.#serverNotices(this.#network.options.random.delay(0, 200));
    this.#listener.closed(error);
    this.#forgetWhenOver();
  }

  #serverNotices(delayMs: number): void {
    this.#server?.later(delayMs, () => this.#serverLost());
  }

  #serverLost(): void {
    if (!this.#serverOpen) return;
    this.#serverOpen = false;
    this.#session?.lost();
    this.#forgetWhenOver();
  }

  #forgetWhenOver(): void {
    if (!this.#clientOpen && !this.#serverOpen) this.#network.forget(this);
  }

  /** Quantised, so that what is sent together may come together. */
  #delayMs(): number {
    const { random, netMs } = this.#network.options;
    return Math.round(random.delay(netMs / 4, netMs) * 50) / 50;
  }
}

function reencode<F extends PeerFrame | CoordinatorFrame>(
  frame: F,
  way: 'request' | 'response',
): F {
  const { Session: method } = coordinatorService;
  if (way === 'request') {
    return method.requestDeserialize(method.requestSerialize(frame)) as never;
  }
  return method.responseDeserialize(method.responseSerialize(frame)) as never;
}

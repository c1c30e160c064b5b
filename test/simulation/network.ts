import type { CoordinatorFrame, PeerFrame } from '@unanimous/proto';
import type { Coordinator } from '../../coordinator/src/coordinator.ts';
import type { Transport } from '../../participant-sdk/src/session/transport.ts';
import type { SimClock } from './clock.ts';
import type { Marks } from './marks.ts';
import type { Random } from './random.ts';
import { SimConnection } from './sim-connection.ts';
import type { SimProcess } from './sim-process.ts';

/** A coordinator that takes connections. */
export interface Acceptor {
  readonly process: SimProcess;
  readonly coordinator: Coordinator;
}

/** What a network is made of. */
export interface NetworkOptions {
  readonly clock: SimClock;
  readonly random: Random;
  readonly marks: Marks;
  /** Longest usual delay of a frame. */
  readonly netMs: number;
  /** How often a receiver is slow. */
  readonly slowReceiver: () => number;
  /** Frames pass through the real codec. */
  readonly codec: boolean;
  /** Who answers at the coordinator's address now. */
  readonly acceptor: () => Acceptor | undefined;
  /** A coordinator hands over a frame. */
  readonly onFrame: (frame: CoordinatorFrame, to: SimProcess, from: SimProcess) => void;
  /** It arrives. */
  readonly onArrival: (frame: CoordinatorFrame, to: SimProcess) => void;
  readonly tellUp?: (from: SimProcess, frame: PeerFrame) => void;
  readonly tellDown?: (to: SimProcess, frame: CoordinatorFrame) => void;
}

/** Connections between processes and the coordinator, which break in every way that TCP has. */
export class Network {
  readonly options: NetworkOptions;
  readonly #connections = new Set<SimConnection>();
  readonly #partitioned = new Map<string, number>();

  constructor(options: NetworkOptions) {
    this.options = options;
  }

  /** The transport of one process. */
  transport(process: SimProcess): Transport {
    return {
      address: 'coordinator',
      connect: (listener) => {
        const connection = new SimConnection(this, process, listener);
        this.#connections.add(connection);
        connection.open();
        return connection;
      },
      close: () => Promise.resolve(),
    };
  }

  /** Connections of a service, by the name that outlives its processes. */
  of(service: string): SimConnection[] {
    return [...this.#connections].filter((c) => serviceOf(c.client) === service);
  }

  all(): SimConnection[] {
    return [...this.#connections];
  }

  forget(connection: SimConnection): void {
    this.#connections.delete(connection);
  }

  /** A service cannot reach the coordinator until a moment. */
  partition(service: string, untilMs: number): void {
    this.#partitioned.set(service, untilMs);
  }

  isPartitioned(process: SimProcess): boolean {
    return (this.#partitioned.get(serviceOf(process)) ?? 0) > this.options.clock.nowMs;
  }

  /** Everything works again; what is dead is noticed soon. */
  heal(): void {
    this.#partitioned.clear();
    for (const connection of this.all()) connection.heal();
  }
}

/** Name of a service without the number of its incarnation. */
export function serviceOf(process: SimProcess): string {
  return process.name.split('#')[0] as string;
}

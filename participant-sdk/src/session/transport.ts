import type { CoordinatorFrame, PeerFrame } from '@unanimous/proto';

/** How frames reach a coordinator, and its frames us: gRPC, or a coordinator in this process. */
export interface Transport {
  /** Where it leads, for messages. */
  readonly address: string;
  /**
   * Opens a connection. Never throws: what fails is told by `closed`, later. After `closed` the
   * listener hears nothing more.
   */
  connect(listener: ConnectionListener): Connection;
  /** Lets go what outlives connections. Idempotent. */
  close(): Promise<void>;
}

/** Hears what comes from the coordinator. */
export interface ConnectionListener {
  /** Frames, in the order in which they were sent. */
  frame(frame: CoordinatorFrame): void;
  /** A connection that answered `false` to a write takes frames again. */
  drained(): void;
  /** The connection is over; told once. The error is the coordinator's own where it said one. */
  closed(error?: Error): void;
}

/** One connection. */
export interface Connection {
  /** Hands a frame over. False: taken, but the receiver is slow; wait for `drained`. */
  write(frame: PeerFrame): boolean;
  /** Ends the connection after what was written; `closed` follows. Idempotent. */
  close(): void;
}

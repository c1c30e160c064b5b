import type { WorkConnection } from './work-connection.ts';

/** How long one may wait for its branch's end before the pool has it back; twice that at most. */
const keptMs = 1_000;

/**
 * Connections whose branch is prepared, kept for the branch's end: it takes no other connection then, and
 * as many ends share a forced write as there are. Whoever needs a connection has the oldest first, and that
 * branch ends on another. Closed ones keep nothing.
 */
export class ParkedConnections {
  /** By the branch's name, oldest first. */
  readonly #parked = new Map<string, WorkConnection>();
  #isClosed = false;
  #sweeping: NodeJS.Timeout | undefined;

  /** Keeps the connection, which nobody else uses. */
  park(branch: string, connection: WorkConnection): void {
    if (this.#isClosed) return connection.free();
    this.#parked.set(branch, connection);
    this.#sweeping ??= this.#sweepLater();
  }

  /** The branch's connection, which is the caller's now; undefined where there is none, or it was lost. */
  take(branch: string): WorkConnection | undefined {
    const connection = this.#parked.get(branch);
    if (!connection) return undefined;
    this.#parked.delete(branch);
    if (!connection.lost) return connection;
    connection.free();
    return undefined;
  }

  /** Gives the oldest back to the pool. */
  yieldOne(): void {
    for (const branch of this.#parked.keys()) return this.take(branch)?.free();
  }

  /** Gives all back. Idempotent. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#sweeping);
    for (const branch of [...this.#parked.keys()]) this.take(branch)?.free();
  }

  /** Gives back those that were there already: their branches are in doubt, and may be so for long. */
  #sweepLater(): NodeJS.Timeout {
    const old = [...this.#parked.keys()];
    const sweep = (): void => {
      for (const branch of old) this.take(branch)?.free();
      this.#sweeping = this.#parked.size > 0 ? this.#sweepLater() : undefined;
    };
    return setTimeout(sweep, keptMs).unref();
  }
}

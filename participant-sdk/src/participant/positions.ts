import type { LogPosition } from '@unanimous/proto';
import type { Ambient } from '../ambient.ts';
import { describeError, type Log } from '../logger.ts';
import type { Resource, SeenPosition } from '../resource.ts';

/** An epoch that the RM knows of, or is being told of: then `storing` is set. */
interface KnownEpoch {
  readonly of: SeenPosition;
  storing: Promise<void> | undefined;
}

/** How often a resource manager is told a new position within one epoch. */
const intervalMs = 1_000;

/**
 * Keeps the log's position in one resource manager (PROTOCOL rule 17): before the first commit of
 * an epoch, so that a coordinator restored from a backup is noticed, then at most once a second.
 */
export class Positions {
  readonly #resource: Resource;
  readonly #ambient: Ambient;
  readonly #log: Log;
  #latest: SeenPosition | undefined;
  /** Of which epoch the RM knows, or is being told now. */
  #epoch: KnownEpoch | undefined;
  #storedAtMs = 0;
  #stored: SeenPosition | undefined;
  #callOff: (() => void) | undefined;

  constructor(resource: Resource, ambient: Ambient, log: Log) {
    this.#resource = resource;
    this.#ambient = ambient;
    this.#log = log;
  }

  /** A position came with a commit. */
  see(position: LogPosition): void {
    const latest = this.#latest;
    const isNews = latest?.logId !== position.logId || position.seq > latest.seq;
    if (isNews) this.#latest = position as LogPosition & SeenPosition;
  }

  /**
   * Resolves when a commit may go to the RM; rejects when the RM could not be told. Undefined where
   * it may go at once, as almost always.
   */
  beforeCommit(): Promise<void> | undefined {
    const latest = this.#latest;
    if (!latest) return undefined;
    if (this.#epoch && isSameEpoch(this.#epoch.of, latest)) {
      this.#storeSoon();
      return this.#epoch.storing;
    }
    const storing = this.#store(latest);
    const epoch: KnownEpoch = { of: latest, storing };
    this.#epoch = epoch;
    storing.then(
      () => (epoch.storing = undefined),
      () => {
        if (this.#epoch === epoch) this.#epoch = undefined; // the next commit tries again
      },
    );
    return storing;
  }

  /** Stops the timer. */
  close(): void {
    this.#callOff?.();
  }

  #storeSoon(): void {
    if (this.#callOff) return;
    const delayMs = this.#storedAtMs + intervalMs - this.#ambient.nowMs();
    this.#callOff = this.#ambient.after(Math.max(0, delayMs), () => {
      this.#callOff = undefined;
      const latest = this.#latest;
      if (!latest || this.#stored?.seq === latest.seq) return;
      this.#store(latest).catch((error: unknown) => {
        this.#log('rm.remember-failed', { rm: this.#resource.rm, ...describeError(error) });
      });
    });
  }

  async #store(position: SeenPosition): Promise<void> {
    this.#storedAtMs = this.#ambient.nowMs();
    await this.#resource.remember(position);
    this.#stored = position;
  }
}

function isSameEpoch(a: SeenPosition, b: SeenPosition): boolean {
  return a.epoch === b.epoch && a.nonce === b.nonce && a.logId === b.logId;
}

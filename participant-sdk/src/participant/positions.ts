import type { LogPosition } from '@unanimous/proto';
import type { Ambient } from '../ambient.ts';
import { describeError, type Log } from '../logger.ts';
import type { Resource, SeenPosition } from '../resource.ts';

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
  #epoch: { readonly key: string; readonly stored: Promise<void> } | undefined;
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

  /** Resolves when a commit may go to the RM; rejects when the RM could not be told. */
  beforeCommit(): Promise<void> {
    const latest = this.#latest;
    if (!latest) return Promise.resolve();
    const key = `${latest.logId} ${latest.epoch} ${latest.nonce}`;
    if (this.#epoch?.key !== key) {
      const stored = this.#store(latest);
      const epoch = { key, stored };
      this.#epoch = epoch;
      stored.catch(() => {
        if (this.#epoch === epoch) this.#epoch = undefined; // the next commit tries again
      });
    } else {
      this.#storeSoon();
    }
    return this.#epoch?.stored ?? Promise.resolve();
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

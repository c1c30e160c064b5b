import { UnanimousError } from '@unanimous/proto';
import { type Ambient, within } from '../ambient.ts';
import { backoffMs } from '../backoff.ts';

/** Something to cancel before it lapses. */
export interface Cancel {
  /** Monotonic; from then on nothing is left to cancel. */
  readonly lapsesAtMs: number;
  /** One attempt; true when there is nothing more to do. A throw means "not now". */
  run(stop: AbortSignal): Promise<boolean>;
}

const retry = { firstMs: 100, maxMs: 5_000 };

/** How long `close` waits for what is on its way. */
const closeWithinMs = 2_000;

/**
 * Cancels what no vote has told of, beside everything else, until it is done or has lapsed. Nothing
 * of it is kept on disk: a process that dies leaves it to lapse.
 */
export class Cancels {
  readonly #rm: string;
  readonly #ambient: Ambient;
  readonly #running = new Set<Promise<void>>();
  readonly #waiting = new Set<() => void>();
  #stop = new AbortController();
  #isOpen = true;

  constructor(rm: string, ambient: Ambient) {
    this.#rm = rm;
    this.#ambient = ambient;
  }

  /** Fires at `close`. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Begins at once. */
  add(cancel: Cancel): void {
    this.#attempt(cancel, 1);
  }

  /** After `close`: takes cancels again. */
  open(): void {
    this.#isOpen = true;
    if (this.#stop.signal.aborted) this.#stop = new AbortController();
  }

  /** Begins nothing more, and waits a moment for what is on its way. */
  async close(): Promise<void> {
    this.#isOpen = false;
    for (const callOff of this.#waiting) callOff();
    this.#waiting.clear();
    const running = Promise.allSettled(this.#running);
    await within<unknown>(this.#ambient, closeWithinMs, running, () => undefined);
    const rm = this.#rm;
    this.#stop.abort(new UnanimousError('closed', `${rm} was closed`, { rm }));
  }

  #attempt(cancel: Cancel, attempts: number): void {
    const running = this.#run(cancel, attempts).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #run(cancel: Cancel, attempts: number): Promise<void> {
    const isDone = await cancel.run(this.#stop.signal).catch(() => false);
    if (!isDone && this.#isOpen) this.#later(cancel, attempts);
  }

  #later(cancel: Cancel, attempts: number): void {
    const delayMs = backoffMs(this.#ambient, retry, attempts);
    if (this.#ambient.nowMs() + delayMs >= cancel.lapsesAtMs) return;
    const callOff = this.#ambient.after(delayMs, () => {
      this.#waiting.delete(callOff);
      this.#attempt(cancel, attempts + 1);
    });
    this.#waiting.add(callOff);
  }
}

interface Timer {
  readonly atMs: number;
  readonly order: number;
  /** Undefined once it was called off. */
  run: (() => void) | undefined;
}

/** Turns of the real event loop that are queued at once: each drains its microtasks. */
const turnsAtOnce = 64;

/**
 * Simulated time: a heap of events, each in a turn of the event loop of its own, so that all
 * promises that one moves have settled before the next. Nothing waits for real time.
 */
export class SimClock {
  nowMs = 0;
  /** Events so far. */
  turns = 0;
  readonly #heap: Timer[] = [];
  readonly #onError: (error: unknown) => void;
  #order = 0;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Runs `action` after a time; the answer calls it off. Same times run in the order of calls. */
  after(delayMs: number, action: () => void): () => void {
    const atMs = this.nowMs + Math.max(0, delayMs);
    const timer: Timer = { atMs, order: this.#order++, run: action };
    this.#push(timer);
    return () => {
      timer.run = undefined;
    };
  }

  /** Lets time pass until a moment, or until `isOver` says so between two events. */
  async runUntil(endMs: number, isOver: () => boolean = () => false): Promise<void> {
    await this.#turns(endMs, isOver);
    if (!isOver() && this.nowMs < endMs) this.nowMs = endMs;
  }

  #turns(endMs: number, isOver: () => boolean): Promise<void> {
    return new Promise<void>((resolve) => {
      let isDone = false;
      const turn = (): void => {
        if (isDone) return;
        const timer = isOver() ? undefined : this.#next(endMs);
        if (!timer?.run) {
          isDone = true;
          resolve();
          return;
        }
        this.nowMs = timer.atMs;
        this.turns += 1;
        const { run } = timer;
        timer.run = undefined;
        try {
          run();
        } catch (error) {
          this.#onError(error);
        }
      };
      const pump = (): void => {
        if (isDone) return;
        for (let n = 0; n < turnsAtOnce; n++) setImmediate(turn);
        setImmediate(pump);
      };
      pump();
    });
  }

  /** The next event that was not called off, taken from the heap. */
  #next(endMs: number): Timer | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (!first) return undefined;
      if (first.run && first.atMs > endMs) return undefined;
      this.#pop();
      if (first.run) return first;
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Timer;
      if (!isBefore(timer, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right && isBefore(right, heap[child] as Timer)) child += 1;
      const below = heap[child] as Timer;
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

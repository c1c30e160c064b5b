/** To whom an event comes: it may be dead, or frozen. */
interface Receiver {
  run(action: () => void): void;
}

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly to: Receiver | undefined;
  /** Undefined once it was called off. */
  run: (() => void) | undefined;
}

/**
 * Events after which the real event loop has a turn, which costs calls of the system. In it a queue's
 * file writes what waits; where there is none, nobody waits for it.
 */
const eventsATurn = { withQueue: 16, without: 1_024 };

/** Length of a slot. What is due within the open one is in the heap. */
const slotMs = 8;

/**
 * Runs what promises and ticks have to do until none of it is left, as Node does between two events.
 * It is Node's own, under the name that it has kept since its first versions.
 */
const settlePromises = Reflect.get(process, '_tickCallback') as () => void;

/**
 * Simulated time: events in the order of their times, and all promises that one moves settle before
 * the next. Nothing waits for real time. Most timers are deadlines, which are far away and called
 * off: they wait in slots, and only a slot whose time has come is put into order.
 */
export class SimClock {
  nowMs = 0;
  /** Events so far. */
  turns = 0;
  readonly #heap: Timer[] = [];
  readonly #slots = new Map<number, Timer[]>();
  /** What comes before this time is in the heap. */
  #openUntilMs = slotMs;
  readonly #onError: (error: unknown) => void;
  readonly #eventsATurn: number;
  #order = 0;

  constructor(onError: (error: unknown) => void, hasQueue: boolean) {
    this.#onError = onError;
    this.#eventsATurn = hasQueue ? eventsATurn.withQueue : eventsATurn.without;
  }

  /** Runs `action` after a time; the answer calls it off. Same times run in the order of calls. */
  after(delayMs: number, action: () => void, to?: Receiver): () => void {
    const timer = this.#set(delayMs, action, to);
    return () => {
      timer.run = undefined;
    };
  }

  /** As `after`, of what nobody calls off: most events are of this kind. */
  later(delayMs: number, action: () => void, to?: Receiver): void {
    this.#set(delayMs, action, to);
  }

  /** Lets time pass until a moment, or until `isOver` says so between two events. */
  async runUntil(endMs: number, isOver: () => boolean = () => false): Promise<void> {
    await new Promise<void>((resolve) => {
      const turn = (): void => {
        for (let n = 0; n < this.#eventsATurn; n++) {
          const timer = isOver() ? undefined : this.#next(endMs);
          if (!timer) return resolve();
          this.#run(timer);
          settlePromises();
        }
        setImmediate(turn);
      };
      setImmediate(turn);
    });
    if (!isOver() && this.nowMs < endMs) this.nowMs = endMs;
  }

  #set(delayMs: number, action: () => void, to: Receiver | undefined): Timer {
    const atMs = this.nowMs + Math.max(0, delayMs);
    const timer: Timer = { atMs, order: this.#order++, to, run: action };
    if (atMs < this.#openUntilMs) this.#push(timer);
    else this.#wait(timer);
    return timer;
  }

  #run(timer: Timer): void {
    this.nowMs = timer.atMs;
    this.turns += 1;
    const { run, to } = timer;
    if (!run) return;
    timer.run = undefined;
    try {
      if (to) to.run(run);
      else run();
    } catch (error) {
      this.#onError(error);
    }
  }

  /** The next event that was not called off, taken from the heap. */
  #next(endMs: number): Timer | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (!first) {
        if (this.#openUntilMs > endMs || this.#slots.size === 0) return undefined;
        this.#openNextSlot();
      } else if (!first.run) this.#pop();
      else if (first.atMs > endMs) return undefined;
      else {
        this.#pop();
        return first;
      }
    }
  }

  #wait(timer: Timer): void {
    const number = Math.floor(timer.atMs / slotMs);
    const slot = this.#slots.get(number);
    if (slot) slot.push(timer);
    else this.#slots.set(number, [timer]);
  }

  #openNextSlot(): void {
    const number = Math.round(this.#openUntilMs / slotMs);
    const slot = this.#slots.get(number);
    this.#openUntilMs = (number + 1) * slotMs;
    if (!slot) return;
    this.#slots.delete(number);
    for (const timer of slot) if (timer.run) this.#push(timer);
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

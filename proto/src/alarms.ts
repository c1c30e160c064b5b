/** Clock and timers, as a process has them. */
export interface AlarmClock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Calls back after a time; gives what calls it off. */
  after(delayMs: number, action: () => void): () => void;
}

/** Something that happens unless it is called off. */
export interface Alarm {
  /** Calls it off; does nothing when it has gone off. Idempotent. */
  cancel(): void;
}

/** How many milliseconds may share one timer. */
const spanMs = 8;

/**
 * Many alarms that hardly ever go off, as deadlines are: those that are due in the same few
 * milliseconds share one timer of the clock. Each goes off at its time or up to 8 ms later.
 */
export class Alarms {
  readonly #clock: AlarmClock;
  readonly #spans = new Map<number, Span>();

  constructor(clock: AlarmClock) {
    this.#clock = clock;
  }

  /** Runs `action` after a time, unless it is called off before. */
  set(delayMs: number, action: () => void): Alarm {
    const nowMs = this.#clock.nowMs();
    const number = Math.ceil((nowMs + Math.max(0, delayMs)) / spanMs);
    let span = this.#spans.get(number);
    if (span === undefined) {
      span = new Span(() => this.#spans.delete(number));
      this.#spans.set(number, span);
      span.callOff = this.#clock.after(number * spanMs - nowMs, () => span?.goOff());
    }
    return span.add(action);
  }
}

/** The alarms of one timer, as a ring: to take one out costs nothing, however many there are. */
class Span {
  readonly #forget: () => void;
  /** Between the last and the first. */
  readonly #ends: Link;
  callOff: () => void = () => {};

  constructor(forget: () => void) {
    this.#forget = forget;
    this.#ends = new Link(this, undefined);
  }

  add(action: () => void): Alarm {
    const link = new Link(this, action);
    link.putBefore(this.#ends);
    return link;
  }

  goOff(): void {
    this.#forget();
    while (this.#ends.next !== this.#ends) this.#ends.next.goOff();
  }

  /** One was called off. */
  endIfEmpty(): void {
    if (this.#ends.next !== this.#ends) return;
    this.callOff();
    this.#forget();
  }
}

class Link implements Alarm {
  readonly #span: Span;
  #action: (() => void) | undefined;
  next: Link;
  #before: Link;

  constructor(span: Span, action: (() => void) | undefined) {
    this.#span = span;
    this.#action = action;
    this.next = this;
    this.#before = this;
  }

  putBefore(after: Link): void {
    this.next = after;
    this.#before = after.#before;
    this.#before.next = this;
    after.#before = this;
  }

  goOff(): void {
    const action = this.#takeOut();
    action?.();
  }

  cancel(): void {
    if (this.#takeOut()) this.#span.endIfEmpty();
  }

  #takeOut(): (() => void) | undefined {
    const action = this.#action;
    this.#action = undefined;
    if (!action) return undefined;
    this.#before.next = this.next;
    this.next.#before = this.#before;
    // What was called off must not keep its neighbours from the garbage collector.
    this.next = this;
    this.#before = this;
    return action;
  }
}

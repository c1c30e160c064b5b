/** A message as the model sees it. */
interface ModelMessage {
  readonly id: string;
  readonly sequence: number;
  deliveries: number;
  /** When it can be received; undefined: now. */
  availableAtMs: number | undefined;
  lease: number | undefined;
}

/** What `receive` gave. `lease` is never the same twice: a redrive counts deliveries from 0 again. */
export interface ModelLease {
  readonly id: string;
  readonly deliveries: number;
  readonly lease: number;
}

/** The queue in a few lines, one topic, without a disk: what the real one is compared with. */
export class QueueModel {
  nowMs = 1_700_000_000_000;
  readonly #maxDeliveries: number;
  readonly #messages = new Map<string, ModelMessage>();
  readonly #dead = new Map<string, ModelMessage>();
  #sequence = 0;
  #lastLease = 0;
  #acknowledged = 0;

  constructor(maxDeliveries: number) {
    this.#maxDeliveries = maxDeliveries;
  }

  publish(ids: readonly string[], delayMs: number): void {
    for (const id of ids) {
      this.#messages.set(id, {
        id,
        sequence: ++this.#sequence,
        deliveries: 0,
        availableAtMs: delayMs > 0 ? this.nowMs + delayMs : undefined,
        lease: undefined,
      });
    }
  }

  receive(max: number, visibilityMs: number): ModelLease[] {
    for (const message of this.#messages.values()) {
      if ((message.availableAtMs ?? Infinity) > this.nowMs) continue;
      const isWornOut = message.lease !== undefined && message.deliveries >= this.#maxDeliveries;
      message.availableAtMs = undefined;
      message.lease = undefined;
      if (isWornOut) this.#die(message);
    }
    const ready = [...this.#messages.values()]
      .filter(({ availableAtMs }) => availableAtMs === undefined)
      .toSorted((a, b) => a.sequence - b.sequence)
      .slice(0, max);
    return ready.map((message) => {
      message.deliveries++;
      message.availableAtMs = this.nowMs + visibilityMs;
      message.lease = ++this.#lastLease;
      return { id: message.id, deliveries: message.deliveries, lease: message.lease };
    });
  }

  acknowledge(lease: ModelLease): boolean {
    const message = this.#held(lease);
    if (!message) return false;
    this.#messages.delete(message.id);
    this.#acknowledged++;
    return true;
  }

  extend(lease: ModelLease, visibilityMs: number): boolean {
    const message = this.#held(lease);
    if (!message) return false;
    message.availableAtMs = this.nowMs + visibilityMs;
    return true;
  }

  release(lease: ModelLease, delayMs: number): boolean {
    const message = this.#held(lease);
    if (!message) return false;
    message.lease = undefined;
    message.availableAtMs = delayMs > 0 ? this.nowMs + delayMs : undefined;
    if (message.deliveries >= this.#maxDeliveries) this.#die(message);
    return true;
  }

  bury(lease: ModelLease): boolean {
    const message = this.#held(lease);
    if (!message) return false;
    this.#die(message);
    return true;
  }

  redrive(): number {
    const dead = [...this.#dead.values()];
    for (const { id, sequence } of dead) {
      const message = { id, sequence, deliveries: 0, availableAtMs: undefined, lease: undefined };
      this.#messages.set(id, message);
    }
    this.#dead.clear();
    return dead.length;
  }

  stats() {
    const messages = [...this.#messages.values()];
    const waiting = messages.filter(({ availableAtMs = 0 }) => availableAtMs > this.nowMs);
    const leased = waiting.filter(({ lease }) => lease !== undefined).length;
    return {
      published: this.#sequence,
      acknowledged: this.#acknowledged,
      ready: messages.length - waiting.length,
      delayed: waiting.length - leased,
      leased,
      dead: this.#dead.size,
    };
  }

  deadIds(): string[] {
    const dead = [...this.#dead.values()].toSorted((a, b) => a.sequence - b.sequence);
    return dead.map(({ id }) => id);
  }

  #held({ id, lease }: ModelLease): ModelMessage | undefined {
    const message = this.#messages.get(id);
    if (message?.lease !== lease) return undefined;
    return (message.availableAtMs ?? 0) > this.nowMs ? message : undefined;
  }

  #die(message: ModelMessage): void {
    this.#messages.delete(message.id);
    this.#dead.set(message.id, message);
  }
}

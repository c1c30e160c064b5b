/** Events that somebody waits for until a consumer has them. */
export class Arrivals {
  readonly #awaited = new Map<string, () => void>();

  /** Resolves when the consumer has this event. Ask before it is written. */
  of(event: string): Promise<void> {
    return new Promise((resolve) => this.#awaited.set(event, resolve));
  }

  /** A consumer has it. */
  has(event: string): void {
    this.#awaited.get(event)?.();
    this.#awaited.delete(event);
  }
}

interface Waiter {
  readonly go: () => void;
}

/**
 * The one place of a writer, for SQLite has one. Who comes waits, first come first served, for a
 * bounded time.
 */
export class WriterTurn {
  readonly #waiting = new Set<Waiter>();
  #isTaken = false;

  /**
   * Resolves with what gives the turn back; that is idempotent.
   * @throws what `late` makes, when the wait took longer than `waitMs`.
   */
  take(waitMs: number, late: () => Error): Promise<() => void> {
    if (!this.#isTaken) return Promise.resolve(this.#taken());
    return new Promise((resolve, reject) => {
      const waiter = {
        go: () => {
          clearTimeout(timer);
          resolve(this.#taken());
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        reject(late());
      }, waitMs);
      this.#waiting.add(waiter);
    });
  }

  #taken(): () => void {
    this.#isTaken = true;
    let isMine = true;
    return () => {
      if (!isMine) return;
      isMine = false;
      this.#isTaken = false;
      const [next] = this.#waiting;
      if (!next) return;
      this.#waiting.delete(next);
      next.go();
    };
  }
}

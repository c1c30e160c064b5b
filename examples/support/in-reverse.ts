/** Ends what it was given, the last first. Node 20 has no AsyncDisposableStack. */
export class InReverse implements AsyncDisposable {
  readonly #parts: (Disposable | AsyncDisposable)[] = [];

  /** Takes a part, and returns it. */
  use<T extends Disposable | AsyncDisposable>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  /** Ends every part, also when one fails. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const part of this.#parts.splice(0).toReversed()) {
      try {
        if (Symbol.asyncDispose in part) await part[Symbol.asyncDispose]();
        else part[Symbol.dispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'could not clean up');
  }
}

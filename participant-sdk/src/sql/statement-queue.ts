/** Runs the statements of one connection one after the other, in the order in which they came. */
export class StatementQueue {
  readonly #names: { readonly name: string }[] = [];
  #last: Promise<unknown> | undefined;
  /** Tasks that have not settled. */
  #count = 0;

  /** The statement that runs, or the first that waits; undefined when there is none. */
  current(): string | undefined {
    return this.#names[0]?.name;
  }

  /**
   * Runs `task` when all before it have ended, well or badly. A task that shows its end to others
   * before its promise settles calls `ended` first, so that nobody finds it running still.
   */
  run<T>(name: string, task: (ended: () => void) => Promise<T>): Promise<T> {
    const entry = { name };
    this.#names.push(entry);
    const ended = () => {
      if (this.#names[0] === entry) this.#names.shift();
    };
    this.#count += 1;
    const isAlone = this.#count === 1;
    const result = isAlone || !this.#last ? task(ended) : this.#last.then(() => task(ended));
    // Before any listener of the caller's, who shall find it ended.
    const settled = (): void => {
      this.#count -= 1;
      ended();
    };
    this.#last = result.then(settled, settled);
    return result;
  }

  /** Resolves when nothing runs or waits. */
  async whenIdle(): Promise<void> {
    while (this.current() !== undefined) await this.#last;
  }
}

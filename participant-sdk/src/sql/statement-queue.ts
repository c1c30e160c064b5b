/** Runs the statements of one connection one after the other, in the order in which they came. */
export class StatementQueue {
  readonly #names: { readonly name: string }[] = [];
  /** The end of the last one; undefined when all have settled. */
  #last: Promise<void> | undefined;

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
    const result = this.#last ? this.#last.then(() => task(ended)) : task(ended);
    // Before any listener of the caller's, who shall find it ended.
    const settled = (): void => {
      ended();
      if (this.#last === last) this.#last = undefined;
    };
    const last = result.then(settled, settled);
    this.#last = last;
    return result;
  }

  /** Resolves when nothing runs or waits. */
  async whenIdle(): Promise<void> {
    while (this.current() !== undefined) await this.#last;
  }
}

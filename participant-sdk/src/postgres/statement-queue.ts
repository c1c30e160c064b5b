/** Runs the statements of one connection one after the other, in the order in which they came. */
export class StatementQueue {
  readonly #names: string[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** The statement that runs, or the first that waits; undefined when there is none. */
  current(): string | undefined {
    return this.#names[0];
  }

  /** Runs `task` when all before it have ended, well or badly. */
  run<T>(name: string, task: () => Promise<T>): Promise<T> {
    this.#names.push(name);
    const result = this.#last.then(task).finally(() => this.#names.shift());
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when nothing runs or waits. */
  async whenIdle(): Promise<void> {
    while (this.current() !== undefined) await this.#last;
  }
}

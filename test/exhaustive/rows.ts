const rowsPerChunk = 1 << 14;

/** A growing list of rows of 16-bit words, in chunks, so that growing copies nothing. */
export class Rows {
  count = 0;
  readonly words: number;
  readonly #chunks: Uint16Array[] = [];

  constructor(words: number) {
    this.words = words;
  }

  push(row: Uint16Array): void {
    const chunk = Math.floor(this.count / rowsPerChunk);
    const target = (this.#chunks[chunk] ??= new Uint16Array(rowsPerChunk * this.words));
    target.set(row, (this.count % rowsPerChunk) * this.words);
    this.count += 1;
  }

  /** Copies a row out. */
  read(index: number, into: Uint16Array): void {
    const chunk = this.#chunks[Math.floor(index / rowsPerChunk)] as Uint16Array;
    const from = (index % rowsPerChunk) * this.words;
    for (let i = 0; i < this.words; i += 1) into[i] = chunk[from + i] as number;
  }
}

const stepsPerChunk = 1 << 18;

/** From where, and by what action, each state was first reached: 6 bytes a state. */
export class Origins {
  count = 0;
  readonly #parents: Uint32Array[] = [];
  readonly #actions: Uint16Array[] = [];

  push(parent: number, action: number): void {
    const chunk = Math.floor(this.count / stepsPerChunk);
    const at = this.count % stepsPerChunk;
    (this.#parents[chunk] ??= new Uint32Array(stepsPerChunk))[at] = parent;
    (this.#actions[chunk] ??= new Uint16Array(stepsPerChunk))[at] = action;
    this.count += 1;
  }

  /** The actions that lead from the beginning to a state; the shortest way, if breadth came first. */
  pathTo(state: number): number[] {
    const path: number[] = [];
    for (let at = state; at !== 0; ) {
      const chunk = Math.floor(at / stepsPerChunk);
      const within = at % stepsPerChunk;
      path.push(this.#actions[chunk]?.[within] as number);
      at = this.#parents[chunk]?.[within] as number;
    }
    return path.toReversed();
  }
}

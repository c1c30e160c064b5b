/** Counters of one block. */
export const blockSize = 256;

/** Blocks of one session that are not used up; more are refused. */
const maxBlocks = 64;

/** Who may wait for one gid to be told. */
const maxWaiting = 64;

/** A block that a session was given. */
interface Block {
  readonly session: number;
  readonly first: number;
  /**
   * By place in the block: 1 when a transaction was begun under it, or never will be. Undefined while
   * there is none, as in the block of a session that is idle.
   */
  born: Uint8Array | undefined;
  unborn: number;
}

/**
 * Who may begin transactions under which counters of this epoch. A session is given whole blocks, in
 * which it begins without a word. A counter of a block that is not born yet may be a live transaction,
 * so nobody is told that it aborted; with its session all of them die, for ever (PROTOCOL rule 1).
 */
export class GidBlocks {
  /** By number of the block. */
  readonly #blocks = new Map<number, Block>();
  readonly #bySession = new Map<number, Block[]>();
  readonly #waiting = new Map<number, (() => void)[]>();
  /** Highest counter that a block has, here or at a session. */
  #highest = 0;
  /** Last counter that was used here, and the last of its block. */
  #own = 0;
  #ownEnd = 0;

  /** True while a session may have begun something of which nothing is known here. */
  get isAnyOpen(): boolean {
    return this.#blocks.size > 0;
  }

  /** A counter for a transaction that begins here. */
  next(): number {
    if (this.#own === this.#ownEnd) {
      this.#own = this.#highest;
      this.#highest += blockSize;
      this.#ownEnd = this.#highest;
    }
    this.#own += 1;
    return this.#own;
  }

  /** True for a counter that nobody was ever given. */
  isUnborn(counter: number): boolean {
    return counter > this.#highest || (counter > this.#own && counter <= this.#ownEnd);
  }

  /** Gives a session a block; undefined when it has too many. */
  reserve(session: number): { readonly first: number; readonly count: number } | undefined {
    const blocks = this.#bySession.get(session) ?? [];
    if (blocks.length >= maxBlocks) return undefined;
    const first = this.#highest + 1;
    this.#highest += blockSize;
    const block = { session, first, born: undefined, unborn: blockSize };
    this.#blocks.set(numberOf(first), block);
    blocks.push(block);
    this.#bySession.set(session, blocks);
    return { first, count: blockSize };
  }

  /** The session that may begin under this counter, and has not told of it; otherwise undefined. */
  holderOf(counter: number): number | undefined {
    const block = this.#blocks.get(numberOf(counter));
    return block && isUnbornIn(block, counter) ? block.session : undefined;
  }

  /** The counter is used up: its transaction is known from now on, or presumed aborted. */
  bear(counter: number): void {
    const block = this.#blocks.get(numberOf(counter));
    if (!block || !isUnbornIn(block, counter)) return;
    block.born ??= new Uint8Array(blockSize);
    block.born[counter - block.first] = 1;
    block.unborn -= 1;
    if (block.unborn === 0) this.#drop(block);
    this.#wake(counter);
  }

  /** The session will not use what is left of a block, from a counter on. */
  giveBack(session: number, from: number): void {
    const block = this.#blocks.get(numberOf(from));
    if (block?.session !== session) return;
    for (let counter = from; counter < block.first + blockSize; counter++) this.bear(counter);
  }

  /** The session is lost: what it has not told of is aborted for ever. */
  endSession(session: number): void {
    for (const { first } of this.#bySession.get(session) ?? [])
      this.#blocks.delete(numberOf(first));
    this.#bySession.delete(session);
    for (const counter of this.#waiting.keys()) {
      if (this.holderOf(counter) === undefined) this.#wake(counter);
    }
  }

  /**
   * Resolves when the holder of a counter has told of its transaction, or never will; undefined where
   * nothing is to be waited for.
   */
  whenTold(counter: number): Promise<void> | undefined {
    if (this.holderOf(counter) === undefined) return undefined;
    const waiting = this.#waiting.get(counter) ?? [];
    if (waiting.length >= maxWaiting) return undefined;
    this.#waiting.set(counter, waiting);
    return new Promise((resolve) => waiting.push(resolve));
  }

  #drop(block: Block): void {
    this.#blocks.delete(numberOf(block.first));
    const blocks = this.#bySession.get(block.session) ?? [];
    blocks.splice(blocks.indexOf(block), 1);
    if (blocks.length === 0) this.#bySession.delete(block.session);
  }

  #wake(counter: number): void {
    if (this.#waiting.size === 0) return;
    const waiting = this.#waiting.get(counter) ?? [];
    this.#waiting.delete(counter);
    for (const resolve of waiting) resolve();
  }
}

function numberOf(counter: number): number {
  return Math.floor((counter - 1) / blockSize);
}

function isUnbornIn({ first, born }: Block, counter: number): boolean {
  return born?.[counter - first] !== 1;
}

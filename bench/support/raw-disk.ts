import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';

const blockBytes = 4_096;

/** A file of a few blocks that are written again and again, as a log's are: the disk and no more. */
export class RawDisk implements Disposable {
  readonly #file: number;
  readonly #block = Buffer.alloc(blockBytes, 1);
  #next = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
    for (let at = 0; at < 256; at++)
      writeSync(this.#file, this.#block, 0, blockBytes, at * blockBytes);
    fdatasyncSync(this.#file);
  }

  /** Writes one block and waits until the disk has it. */
  write(): void {
    writeSync(this.#file, this.#block, 0, blockBytes, this.#next * blockBytes);
    fdatasyncSync(this.#file);
    this.#next = (this.#next + 1) % 256;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

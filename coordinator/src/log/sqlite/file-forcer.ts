import { fdatasyncSync } from 'node:fs';

/** Makes what was written to a file durable; where it can, while something else is forced. */
export interface FileForcer {
  /** Begins. Nothing more is begun before `finish` has returned. */
  begin(file: number): void;
  /** Returns when all is durable that was written before `begin`. Throws the error of the file system. */
  finish(): void;
  /** Lets go of what it needs; may be called at any time. */
  close(): void;
}

/** Forces when it is waited for: one disk after the other. */
export class LateForcer implements FileForcer {
  #file: number | undefined;

  begin(file: number): void {
    this.#file = file;
  }

  finish(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) fdatasyncSync(file);
  }

  close(): void {}
}

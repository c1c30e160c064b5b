import { fdatasyncSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { spawnWorker } from '../spawn-worker.ts';
import type { FileForcer } from './file-forcer.ts';

/** The three numbers that both threads look at. */
export const cells = { state: 0, file: 1, errno: 2 } as const;

/** What the thread is at; only `asked` makes it work. */
export const states = { starting: 0, idle: 1, asked: 2, stop: 3 } as const;

/** Forces in a thread of its own, which sleeps between. Until that runs, it forces when waited for. */
export class ThreadForcer implements FileForcer {
  readonly #cells = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  readonly #worker: Worker;
  #lateFile: number | undefined;

  constructor() {
    this.#worker = spawnWorker(import.meta.url, 'forcer-worker', { workerData: this.#cells });
    this.#worker.unref();
  }

  begin(file: number): void {
    if (Atomics.load(this.#cells, cells.state) === states.starting) {
      this.#lateFile = file;
      return;
    }
    Atomics.store(this.#cells, cells.file, file);
    this.#tell(states.asked);
  }

  finish(): void {
    const lateFile = this.#lateFile;
    if (lateFile !== undefined) {
      this.#lateFile = undefined;
      fdatasyncSync(lateFile);
      return;
    }
    while (Atomics.load(this.#cells, cells.state) === states.asked) {
      Atomics.wait(this.#cells, cells.state, states.asked);
    }
    const errno = Atomics.load(this.#cells, cells.errno);
    if (errno === 0) return;
    const code = getSystemErrorName(errno);
    throw Object.assign(new Error(`${code}: fdatasync of the mirror`), { code, errno });
  }

  close(): void {
    this.#tell(states.stop);
  }

  #tell(state: number): void {
    Atomics.store(this.#cells, cells.state, state);
    Atomics.notify(this.#cells, cells.state);
  }
}

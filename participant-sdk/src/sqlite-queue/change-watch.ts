import { type FSWatcher, realpathSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/**
 * Tells when any process has written a queue's file, without busy polling: the system reports
 * writes to the write-ahead log. Reports can be missing (some file systems send none), so every
 * wait has an end and the caller looks again.
 */
export class ChangeWatch {
  readonly #file: string;
  readonly #waiting = new Set<() => void>();
  #changes = 0;
  #watcher: FSWatcher | 'absent' | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Number of changes so far. Read it before looking, hand it to `wait` after finding nothing. */
  get changes(): number {
    this.#watcher ??= this.#start();
    return this.#changes;
  }

  /** False where the system reports nothing and only looking again helps. */
  get isReporting(): boolean {
    return this.#watcher !== 'absent';
  }

  /** Resolves when something has changed since `changes`, after `ms`, or when the signal fires. */
  wait(changes: number, ms: number, signal?: AbortSignal): Promise<void> {
    if (changes !== this.#changes || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#waiting.add(end);
      signal?.addEventListener('abort', end, { once: true });
    });
  }

  /** Wakes all who wait. */
  wake(): void {
    this.#changes++;
    for (const end of this.#waiting) end();
  }

  /** Stops watching and wakes all. Idempotent. */
  close(): void {
    if (this.#watcher !== 'absent') this.#watcher?.close();
    this.#watcher = 'absent';
    this.wake();
  }

  #start(): FSWatcher | 'absent' {
    try {
      const file = realpathSync(this.#file); // the log lies beside the file, not beside a link to it
      const log = `${basename(file)}-wal`;
      // The folder, because the log is deleted and made again.
      const watcher = watch(dirname(file), (_, name) => {
        if (name === null || name === log) this.wake();
      });
      watcher.on('error', () => {
        this.#watcher = 'absent';
      });
      return watcher;
    } catch {
      return 'absent'; // too many watchers on this machine, say
    }
  }
}

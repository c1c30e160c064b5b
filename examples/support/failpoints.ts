import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { waitUntil } from './wait-until.ts';

/** What happens at a failpoint. */
export type FailAction =
  /** SIGKILL. */
  | 'kill'
  /** SIGSTOP; somebody else wakes it. */
  | 'stop'
  /** An I/O error there. */
  | 'throw'
  /** The thread waits there until `go`. */
  | 'pause'
  /** The next sync of the log never ends, and has not begun at the disk. */
  | 'before-sync'
  /** The next sync of the log never ends, though the disk is through with it. */
  | 'after-sync';

/** Where something shall happen. */
export interface Armed {
  readonly name: string;
  /** Only where the point tells of this: part of a resource manager's name, or a kind. */
  readonly about?: string | undefined;
  /** At which passing; the first unless told. */
  readonly at?: number | undefined;
  readonly action: FailAction;
}

const preload = fileURLToPath(new URL('./failpoints-preload.cjs', import.meta.url));

let lastId = 0;

/** The failpoints of one process under test: armed and disarmed while it runs. */
export class Failpoints {
  readonly #folder: string;
  #armedId = '';

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
  }

  /** What the process's environment must hold. */
  get env(): Record<string, string> {
    return { NODE_OPTIONS: `--require="${preload}"`, UNANIMOUS_FAILPOINTS: this.#folder };
  }

  /** From now on, and until another is armed. */
  arm({ name, about = '', at = 1, action }: Armed): void {
    lastId += 1;
    this.#armedId = String(lastId);
    const file = join(this.#folder, 'armed');
    // By rename, since the process may read it at any moment.
    writeFileSync(`${file}.new`, JSON.stringify({ id: this.#armedId, name, about, at, action }));
    renameSync(`${file}.new`, file);
  }

  /** Nothing happens any more. */
  disarm(): void {
    rmSync(join(this.#folder, 'armed'), { force: true });
  }

  /** Whether what was armed last has happened. */
  get hasFired(): boolean {
    return this.#lines('fired').some((line) => JSON.parse(line).id === this.#armedId);
  }

  /** Waits until what was armed last has happened. */
  async untilFired(what: string): Promise<void> {
    await waitUntil(() => this.hasFired, {
      what: `${what} to be reached`,
      intervalMs: 2,
      timeoutMs: 15_000,
    });
  }

  /** When the coordinator's program, as it was started last, had come to its log, in `performance`'s time. */
  get beganMs(): number {
    return Number(readFileSync(join(this.#folder, 'began'), 'utf8')) - performance.timeOrigin;
  }

  /** Ends a pause. */
  go(): void {
    writeFileSync(join(this.#folder, `go-${this.#armedId}`), '');
  }

  /** Names of all points that were passed, armed or not. */
  reached(): string[] {
    return [...new Set(this.#lines('reached'))];
  }

  #lines(name: string): string[] {
    const file = join(this.#folder, name);
    if (!existsSync(file)) return [];
    // The last line may be half written.
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  }
}

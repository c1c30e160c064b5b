import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type LogFiles, readFiles } from '../../disk/log-files.ts';
import { type Fate, ForgetfulDisk, readRecording } from '../../disk/recording.ts';
import { buildShim, shimEnvironment } from '../../disk/shim/build-shim.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { seededRandom } from './nemesis.ts';

/** What a power cut does with all that was not forced: one fate for all, or drawn by a seed. */
export type PowerCut = Exclude<Fate, 'torn'> | number;

/** The disk of a coordinator's log, as the shim in the coordinator's process sees it. */
export class CrashDisk {
  readonly #logDir: string;
  readonly #shim: string;
  /** What the disk held when the process was started. */
  #files: LogFiles = new Map();

  private constructor(logDir: string, shim: string) {
    this.#logDir = logDir;
    this.#shim = shim;
  }

  /**
   * For a log in `logDir`, whose parent is taken for what the shim writes.
   * @throws Error where there is no C compiler.
   */
  static prepare(logDir: string): CrashDisk {
    mkdirSync(logDir, { recursive: true, mode: 0o700 });
    const shim = buildShim(dirname(logDir));
    if (shim === undefined) throw new Error('there is no cc to build the shim with');
    return new CrashDisk(logDir, shim);
  }

  /** What the process's environment must hold. */
  get env(): Record<string, string> {
    const dir = dirname(this.#logDir);
    return { ...shimEnvironment(this.#shim, dir), DISK_SHIM_RECORD: this.#logDir };
  }

  /** The process is about to be started. */
  begin(): void {
    rmSync(this.#heldFile, { force: true });
    this.#files = readFiles(this.#logDir);
  }

  /** Waits until the process is held in a sync. */
  async untilHeld(): Promise<void> {
    await waitUntil(() => existsSync(this.#heldFile), {
      what: 'the log to be held in a sync',
      intervalMs: 2,
    });
  }

  /** The process was killed, and now the power fails: what was not forced may be gone, or torn. */
  cutPower(how: PowerCut): void {
    const recording = readFileSync(join(dirname(this.#logDir), 'recording'));
    const disk = new ForgetfulDisk(this.#logDir, this.#files);
    for (const act of readRecording(recording)) disk.take(act);
    const left = disk.cut(typeof how === 'number' ? drawn(how) : () => how);
    // The lock is held by nobody, and has no content.
    for (const name of readFiles(this.#logDir).keys()) rmSync(join(this.#logDir, name));
    for (const [name, bytes] of left) writeFileSync(join(this.#logDir, name), bytes);
  }

  get #heldFile(): string {
    return join(dirname(this.#logDir), 'held');
  }
}

function drawn(seed: number): () => Fate {
  const random = seededRandom(seed);
  return () => {
    const draw = random();
    return draw < 0.45 ? 'kept' : draw < 0.9 ? 'lost' : 'torn';
  };
}

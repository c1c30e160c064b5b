import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { freePort } from '../../support/free-port.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { unanimousProgram } from './coordinator-process.ts';

// A disk that these processes alone see, so nothing is left mounted; needs user namespaces.
const inNamespace = ['--user', '--map-root-user', '--mount', 'sh', '-ec'];

/** Mounts, and runs the rest of its arguments once for each line of its input. */
const script = `
  mount -t tmpfs -o size=4m,mode=700 none "$1"
  shift
  while read -r line; do "$@" < /dev/null && status=0 || status=$?; echo "exit $status"; done`;

/** Whether a disk can be mounted here. */
export function canMount(): boolean {
  using dir = tempDir();
  return spawnSync('unshare', [...inNamespace, `mount -t tmpfs none ${dir.path}`]).status === 0;
}

/** A coordinator whose log is on a disk of 4 MiB. */
export class CoordinatorOnSmallDisk implements AsyncDisposable {
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #ballast: string;
  #stdout = '';
  #stderr = '';

  private constructor(address: string, disk: string) {
    this.address = address;
    mkdirSync(disk);
    const serve = [unanimousProgram, 'serve', '--data', `${disk}/log`, '--listen', address];
    const args = [...inNamespace, script, 'small-disk', disk, process.execPath, ...serve];
    // A process group of its own, so that its end takes the coordinator along.
    this.#child = spawn('unshare', args, { stdio: 'pipe', detached: true });
    this.#child.stdout?.on('data', (chunk) => (this.#stdout += String(chunk)));
    this.#child.stderr?.on('data', (chunk) => (this.#stderr += String(chunk)));
    this.#ballast = `/proc/${this.#child.pid}/root${disk}/ballast`;
  }

  /** Starts one with its disk mounted at `disk`. */
  static async start(disk: string): Promise<CoordinatorOnSmallDisk> {
    const coordinator = new CoordinatorOnSmallDisk(`127.0.0.1:${await freePort()}`, disk);
    await coordinator.start();
    return coordinator;
  }

  /** What it has written to stderr. */
  get said(): string {
    return this.#stderr;
  }

  /** Starts it again after it stopped. */
  async start(): Promise<void> {
    this.#stdout = '';
    this.#child.stdin?.write('start\n');
    const isReady = () => this.#stdout.includes('unanimous ready');
    await waitUntil(isReady, { what: 'the coordinator to be ready', timeoutMs: 20_000 });
  }

  /** Fills the disk but for so many bytes. */
  fill(freeBytes: number): void {
    const chunk = Buffer.alloc(16_384);
    try {
      for (;;) appendFileSync(this.#ballast, chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
    truncateSync(this.#ballast, statSync(this.#ballast).size - freeBytes);
  }

  /** Makes room again. */
  clear(): void {
    rmSync(this.#ballast);
  }

  /** Waits until it has stopped by itself; answers the exit code. */
  async stopped(): Promise<number> {
    const find = () => /^exit (\d+)$/m.exec(this.#stdout)?.[1];
    return Number(await waitUntil(find, { what: 'the coordinator to stop' }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    process.kill(-Number(this.#child.pid), 'SIGKILL');
    await closed;
  }
}

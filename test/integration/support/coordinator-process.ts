import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServiceProcess } from '../../../examples/food-order/service-process.ts';
import { freePort } from '../../support/free-port.ts';

const program =
  process.env.STANDIN ??
  fileURLToPath(new URL('../../../coordinator/bin/unanimous.js', import.meta.url));

/** Where a coordinator keeps its log, and what it is told besides. */
export interface CoordinatorProcessOptions {
  /** Folder of the log; its parent gets the file with what the process says. */
  readonly dataDir: string;
  /** Further arguments of `unanimous serve`. */
  readonly args?: readonly string[];
}

/** `unanimous serve` as a process of its own, on the same port and folder after each start. */
export class CoordinatorProcess implements AsyncDisposable {
  readonly address: string;
  readonly dataDir: string;
  readonly #logFile: string;
  readonly #process: ServiceProcess;

  private constructor(options: CoordinatorProcessOptions, address: string) {
    const { dataDir, args = [] } = options;
    this.address = address;
    this.dataDir = dataDir;
    this.#logFile = `${dataDir}.log`;
    mkdirSync(dirname(dataDir), { recursive: true });
    this.#process = new ServiceProcess({
      name: 'coordinator',
      args: [program, 'serve', '--data', dataDir, '--listen', address, ...args],
      env: {},
      readyLine: 'unanimous ready',
      logFile: this.#logFile,
    });
  }

  /** Starts one on a free port, and waits until it answers. */
  static async start(options: CoordinatorProcessOptions): Promise<CoordinatorProcess> {
    const coordinator = new CoordinatorProcess(options, `127.0.0.1:${await freePort()}`);
    await coordinator.start();
    return coordinator;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Starts it again after a kill. */
  async start(): Promise<void> {
    try {
      await this.#process.start();
    } catch (cause) {
      throw new Error(`the coordinator said: ${this.said()}`, { cause });
    }
  }

  /** All that it has written to stderr since the first start. */
  said(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  /** kill -9. */
  async kill9(): Promise<void> {
    await this.#process.kill9();
  }

  /** Ends it for good. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }
}

/** What a run of the command line came to. */
export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `unanimous` with arguments to its end. */
export async function runUnanimous(...args: readonly string[]): Promise<CommandResult> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, stdout, stderr };
}

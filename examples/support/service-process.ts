import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';

/** How a service is started: the same after each kill. */
export interface ServiceOptions {
  /** What people call it. */
  readonly name: string;
  /** Arguments of node. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The line on stdout by which it says that it answers starts with this. */
  readonly readyLine: string;
  /** What it writes to stderr goes here. */
  readonly logFile: string;
}

const endWithParent = new URL('./end-with-parent.mjs', import.meta.url).href;

/** One of the demo's processes: killed and started again as the demo wants. */
export class ServiceProcess {
  readonly name: string;
  readonly #options: ServiceOptions;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  /** The line by which it last said that it answers. */
  readyLine = '';

  constructor(options: ServiceOptions) {
    this.name = options.name;
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: 'a' });
  }

  /** Process id; 0 while it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it and waits until it answers. */
  async start(): Promise<void> {
    const { args, env, readyLine, name, logFile } = this.#options;
    const child = spawn(process.execPath, ['--import', endWithParent, ...args], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.pipe(this.#log, { end: false });
    let output = '';
    for await (const chunk of child.stdout) {
      output += String(chunk);
      const line = output.split('\n').find((text) => text.startsWith(readyLine));
      if (line !== undefined) {
        this.readyLine = line;
        child.stdout.resume();
        return;
      }
    }
    throw new Error(`${name} did not start; see ${logFile}`);
  }

  /** kill -9, and waits until it is gone. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM; kill -9 when it takes longer than the given milliseconds. */
  async stop(withinMs = 5_000): Promise<void> {
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), withinMs);
    await this.#end('SIGTERM');
    clearTimeout(timer);
    this.#log.end();
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }
}

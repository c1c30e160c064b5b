import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ServerUser } from './server-folder.ts';

/** How a server is spawned: as whom, where, and with which environment. */
export interface ServerProcessOptions {
  readonly user: ServerUser;
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** One run of a server, from spawn to exit. What it printed last is kept for error messages. */
export class ServerProcess {
  readonly #child: ChildProcess;
  #output = '';
  #spawnError: Error | undefined;

  constructor(command: string, args: readonly string[], options: ServerProcessOptions) {
    const { user, ...rest } = options;
    this.#child = spawn(command, args, { ...rest, ...user, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-8_000);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.#child.once('error', (error) => {
      this.#spawnError = error;
    });
  }

  /** The process id. Throws when the process could not be spawned. */
  get pid(): number {
    if (this.#child.pid !== undefined) return this.#child.pid;
    throw new Error('the server could not be spawned', { cause: this.#spawnError });
  }

  get hasExited(): boolean {
    const { exitCode, signalCode } = this.#child;
    return exitCode !== null || signalCode !== null || this.#child.pid === undefined;
  }

  /** The end of what the server wrote to stdout and stderr. */
  get recentOutput(): string {
    return this.#spawnError === undefined ? this.#output : this.#spawnError.message;
  }

  /** Sends `signal` and waits for the exit. Returns false when it still runs after `timeoutMs`. */
  async end(signal: NodeJS.Signals, timeoutMs: number): Promise<boolean> {
    if (this.hasExited) return true;
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    const exited = await Promise.race([exit.then(() => true), timeout]);
    clearTimeout(timer);
    return exited;
  }

  /**
   * kill -9 of the process and of its children, as a power cut would do it: the process is stopped
   * first, so it can neither start another child nor notice that one died. Killed alone, a parent
   * would leave busy children behind, which hold its shared memory and refuse the next start.
   */
  async kill9(): Promise<void> {
    if (this.hasExited) return;
    this.#child.kill('SIGSTOP');
    const children = childrenOf(this.pid);
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    for (const child of children) killIfAlive(child);
    await exit;
    while (children.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function childrenOf(pid: number): number[] {
  const list =
    process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      : execFileSync('/bin/sh', ['-c', `pgrep -P ${pid} || true`], { encoding: 'utf8' });
  return list.split(/\s+/).filter(Boolean).map(Number);
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself between the listing and here.
  }
}

/** A zombie counts as ended: its memory is gone, and init may take its time to collect it. */
function isRunning(pid: number): boolean {
  try {
    if (process.platform !== 'linux') return process.kill(pid, 0);
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

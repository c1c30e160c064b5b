import { type ChildProcess, spawn, spawnSync, type SpawnOptions } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { run } from '../../../coordinator/src/cli/run.ts';
import { coloured } from '../../../coordinator/src/cli/terminal.ts';
import { tempDir } from '../../support/temp-dir.ts';

const bin = fileURLToPath(new URL('../../../coordinator/bin/unanimous.js', import.meta.url));

const options: SpawnOptions = {
  env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined },
  stdio: ['ignore', 'pipe', 'pipe'],
};

const anyPort = ['--listen', '127.0.0.1:0'];

/** As root of a user namespace of one's own, with mounts of its own. */
const inNamespace = ['--user', '--map-root-user', '--mount', 'sh', '-ec'];

/** Whether a process may have a disk of its own here; it needs user namespaces. */
export function canMount(): boolean {
  using dir = tempDir();
  const mount = [...inNamespace, 'mount -t tmpfs none "$0"', dir.path];
  return spawnSync('unshare', mount, { stdio: 'ignore' }).status === 0;
}

/** How a command ended. */
export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process, which is a good deal faster. Not for `serve`. */
export async function runHere(args: readonly string[], paints = false): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  const code = await run(args, {
    out: (text) => (stdout += text),
    err: (text) => (stderr += text),
    paint: (style, text) => (paints ? coloured(style, text) : text),
  });
  return { code, signal: null, stdout, stderr };
}

/** Runs `unanimous` to its end, in a process of its own. */
export function runCli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CliResult> {
  return resultOf(start(args, env));
}

function start(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [bin, ...args], { ...options, env: { ...options.env, ...env } });
}

function resultOf(child: ChildProcess): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** `unanimous serve` in a process of its own. */
export class ServeProcess implements AsyncDisposable {
  /** Where it listens, as its ready line says. */
  address = '';
  readyLine = '';
  readonly ended: Promise<CliResult>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = resultOf(child);
  }

  /** Starts it on a free port and waits for its ready line. */
  static async start(
    dir: string,
    args: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<ServeProcess> {
    return ServeProcess.#ready(start(['serve', '--data', dir, ...anyPort, ...args], env));
  }

  /** Starts it with its log on a disk of one megabyte; only it sees the disk. */
  static async startOnSmallDisk(dir: string): Promise<ServeProcess> {
    const mount = 'mount -t tmpfs -o size=1m,mode=700 none "$0"; exec "$@" --data "$0/log"';
    const serve = [process.execPath, bin, 'serve', ...anyPort];
    return ServeProcess.#ready(spawn('unshare', [...inNamespace, mount, dir, ...serve], options));
  }

  static async #ready(child: ChildProcess): Promise<ServeProcess> {
    const serve = new ServeProcess(child);
    const lines = child.stdout ? createInterface(child.stdout) : undefined;
    serve.readyLine = await new Promise<string>((resolve, reject) => {
      lines?.once('line', resolve);
      void serve.ended.then(({ code, stderr }) => reject(new Error(`exit ${code}: ${stderr}`)));
    });
    serve.address = /^unanimous ready on (\S+) /.exec(serve.readyLine)?.[1] ?? '';
    return serve;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Kills it, and answers what it said. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<CliResult> {
    this.kill(signal);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

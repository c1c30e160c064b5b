import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { run } from '../../../coordinator/src/cli/run.ts';
import { coloured } from '../../../coordinator/src/cli/terminal.ts';

const bin = fileURLToPath(new URL('../../../coordinator/bin/unanimous.js', import.meta.url));

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
  return spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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
    const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
    const child = start(['serve', '--data', dir, ...listen, ...args], env);
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

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/free-port.ts';
import { NodeProcess } from './node-process.ts';

/** The command line of the coordinator. */
export const unanimousProgram = fileURLToPath(
  new URL('../../../coordinator/bin/unanimous.js', import.meta.url),
);

/** Where a coordinator keeps its log, and what it is told besides. */
export interface CoordinatorProcessOptions {
  /** Folder of the log; its parent gets the file with what the process says. */
  readonly dataDir: string;
  /** Further arguments of `unanimous serve`. */
  readonly args?: readonly string[];
}

/** `unanimous serve` as a process of its own, on the same port and folder after each start. */
export class CoordinatorProcess extends NodeProcess {
  readonly address: string;
  readonly dataDir: string;

  private constructor({ dataDir, args = [] }: CoordinatorProcessOptions, address: string) {
    mkdirSync(dirname(dataDir), { recursive: true });
    super({
      name: 'the coordinator',
      args: [unanimousProgram, 'serve', '--data', dataDir, '--listen', address, ...args],
      env: {},
      readyLine: 'unanimous ready',
      logFile: `${dataDir}.log`,
    });
    this.address = address;
    this.dataDir = dataDir;
  }

  /** Starts one on a free port, and waits until it answers. */
  static async launch(options: CoordinatorProcessOptions): Promise<CoordinatorProcess> {
    const coordinator = new CoordinatorProcess(options, `127.0.0.1:${await freePort()}`);
    await coordinator.start();
    return coordinator;
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
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = spawn(process.execPath, [unanimousProgram, ...args], { stdio });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, stdout, stderr };
}

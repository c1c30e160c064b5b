import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A process that works on a log; see log-process.ts. */
export interface ChildLog {
  /** What it has printed so far. */
  readonly lines: readonly string[];
  /** Lines that begin with `word`, without it. */
  said(word: string): string[];
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>;
  /** Resolves when it is gone and all it printed is read. */
  readonly ended: Promise<void>;
}

const script = fileURLToPath(new URL('log-process.ts', import.meta.url));

/** What log-process.ts can do. */
export type ChildWork = 'append' | 'fill' | 'list';

/** The command that runs log-process.ts. */
export function childCommand(what: ChildWork, dir: string): string[] {
  return [
    process.execPath,
    '--conditions=@unanimous/source',
    '--import',
    import.meta.resolve('tsx'),
    script,
    what,
    dir,
  ];
}

/** Starts a command and reads what it prints. */
export function spawnChildLog([command = '', ...args]: readonly string[]): ChildLog {
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  if (child.stdout) createInterface(child.stdout).on('line', (line) => lines.push(line));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    lines,
    said: (word) => lines.filter((line) => line.startsWith(`${word} `)).map(withoutFirstWord),
    ended,
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

function withoutFirstWord(line: string): string {
  return line.slice(line.indexOf(' ') + 1);
}

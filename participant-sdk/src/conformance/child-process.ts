import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BranchId } from '@unanimous/proto';
import type { Bench, Place } from './bench.ts';
import { bounded } from './bounded.ts';
import { ConformanceError } from './conformance-error.ts';
import type { Voted } from './trial.ts';

/** What a child is to do; it waits to be killed, or leaves by itself after `close` and `hang`. */
export interface ChildJob {
  readonly job: 'steps' | 'preparing' | 'one' | 'close' | 'hang';
  readonly keys: readonly string[];
}

/** All that a child is told. */
export interface ChildOrder extends ChildJob {
  readonly module: string;
  readonly input: unknown;
  readonly logId: string;
}

/** A branch as its child reports it. */
export interface ReportedBranch {
  readonly key: string;
  readonly id: BranchId;
  readonly voted: Voted;
  /** How far it had come. */
  readonly step: 'written' | 'unheard' | 'prepared' | 'committed' | 'one phase';
  /** Where its decision stands, if it has one. */
  readonly place: Place | undefined;
}

/** What a child says: a word, and what it knows. */
export interface ChildReport {
  readonly said: string;
  readonly branches?: readonly ReportedBranch[];
}

/** Starts a child that does a job with the same subject. */
export async function inChild(bench: Bench, job: ChildJob): Promise<JobChild> {
  const { child } = bench.subject;
  if (!child) throw new ConformanceError('the subject names no child', 'give it `child`');
  const { module, input, execArgv = process.execArgv } = child;
  const order: ChildOrder = { ...job, module, input, logId: bench.logId };
  return new JobChild(order, execArgv);
}

/** A process that does one job on the subject, and says how far it is. */
export class JobChild {
  /** Resolves when the process has ended. */
  readonly exited: Promise<void>;
  readonly #process: ChildProcess;
  readonly #reports: ChildReport[] = [];
  #output = '';
  #wake: () => void = () => {};
  #hasExited = false;

  constructor(order: ChildOrder, execArgv: readonly string[]) {
    const name = import.meta.url.endsWith('.ts') ? './crash-child.ts' : './crash-child.js';
    this.#process = fork(fileURLToPath(new URL(name, import.meta.url)), {
      execArgv: [...execArgv],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (text: Buffer) => (this.#output += text.toString()));
    }
    this.#process.on('message', (report: ChildReport) => {
      this.#reports.push(report);
      this.#wake();
    });
    this.exited = new Promise<void>((resolve) => {
      const end = () => {
        this.#hasExited = true;
        this.#wake();
        resolve();
      };
      this.#process.once('exit', end);
      this.#process.once('error', end);
    });
    this.#process.send(order);
  }

  /** Resolves with the first report of a word. @throws ConformanceError when the child ends before. */
  async said(word: string): Promise<ChildReport> {
    return bounded('a child process of the kit', this.#said(word), 60_000);
  }

  /** Everything reported so far, the last word on each branch. */
  branches(): ReportedBranch[] {
    const all = this.#reports.flatMap(({ branches = [] }) => branches);
    return [...new Map(all.map((branch) => [branch.key, branch])).values()];
  }

  tell(word: string): void {
    this.#process.send(word);
  }

  /** kill -9, at once. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #said(word: string): Promise<ChildReport> {
    for (;;) {
      const report = this.#reports.find(({ said }) => said === word);
      if (report) return report;
      if (this.#hasExited) {
        throw new ConformanceError(
          `a child process of the kit ended before it was ${word}: ${this.#output.slice(-2_000)}`,
          'mend what it says; `child` of the subject needs a module that exports ' +
            'conformanceSubject(input), and execArgv with which Node can load it',
        );
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

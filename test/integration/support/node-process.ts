import { existsSync, readFileSync } from 'node:fs';
import { type ServiceOptions, ServiceProcess } from '../../../examples/support/service-process.ts';

/** A process of the system under test: started, killed and stopped as often as a test wants. */
export class NodeProcess implements AsyncDisposable {
  readonly #process: ServiceProcess;
  readonly #logFile: string;

  constructor(options: ServiceOptions) {
    this.#process = new ServiceProcess(options);
    this.#logFile = options.logFile;
  }

  /** Starts it, also again after a kill, and waits until it answers. */
  async start(): Promise<void> {
    try {
      await this.#process.start();
    } catch (cause) {
      throw new Error(`${this.#process.name} did not start: ${this.said()}`, { cause });
    }
  }

  /** Process id; 0 while it does not run. */
  get pid(): number {
    return this.#process.pid;
  }

  /** The line by which it last said that it answers. */
  get readyLine(): string {
    return this.#process.readyLine;
  }

  /** Whether it lives, frozen or not. */
  get isRunning(): boolean {
    try {
      return this.pid > 0 && process.kill(this.pid, 0);
    } catch {
      return false;
    }
  }

  /** What people call it. */
  get name(): string {
    return this.#process.name;
  }

  /** All that it has written to stderr since the first start. */
  said(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, 'utf8') : '';
  }

  /** kill -9. */
  async kill9(): Promise<void> {
    await this.#process.kill9();
  }

  /** SIGSTOP: it does nothing until `wake`, and nobody is told. */
  freeze(): void {
    process.kill(this.#process.pid, 'SIGSTOP');
  }

  /** SIGCONT. */
  wake(): void {
    process.kill(this.#process.pid, 'SIGCONT');
  }

  /** Ends it for good, frozen or not. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.pid > 0) this.wake();
    await this.#process.stop();
  }
}

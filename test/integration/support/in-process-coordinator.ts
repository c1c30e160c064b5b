import { type Limits, serve, type Service } from '@unanimous/coordinator';
import type { UnanimousError } from '@unanimous/proto';
import { freePort } from '../../support/free-port.ts';

/** A coordinator in this process behind real gRPC, on the same port and folder after each start. */
export class InProcessCoordinator implements AsyncDisposable {
  readonly address: string;
  readonly dataDir: string;
  readonly #limits: Partial<Limits>;
  #service: Service | undefined;

  private constructor(dataDir: string, port: number, limits: Partial<Limits>) {
    this.dataDir = dataDir;
    this.address = `127.0.0.1:${port}`;
    this.#limits = limits;
  }

  /** Starts one on a free port. */
  static async launch(dataDir: string, limits: Partial<Limits> = {}) {
    const coordinator = new InProcessCoordinator(dataDir, await freePort(), limits);
    await coordinator.start();
    return coordinator;
  }

  /** Starts it again after it stopped; for this time with other limits perhaps. */
  async start(other: Partial<Limits> = {}): Promise<void> {
    const limits = { ...this.#limits, ...other };
    const options = { dataDir: this.dataDir, listen: this.address, limits };
    this.#service = await serve(options);
  }

  /** Stops it as SIGTERM does: nothing new, then what is open for so long. */
  async drain(withinMs: number): Promise<void> {
    await this.#service?.drain(withinMs);
  }

  /** Stops it at once; what is undecided is aborted. */
  async stop(): Promise<void> {
    await this.#service?.close();
  }

  /** Waits until it has stopped by itself; answers why. */
  async stopped(): Promise<UnanimousError | undefined> {
    return this.#service?.stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service?.close();
  }
}

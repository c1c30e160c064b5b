import { ServerFolder, type ServerUser } from './server-folder.ts';
import { ServerProcess } from './server-process.ts';
import { freePort } from './free-port.ts';
import { waitUntil } from './wait-until.ts';

/** What tells one server from another. */
export interface OneProcessServerOptions {
  /** What people call it. */
  readonly name: string;
  readonly binary: string;
  /** As whom it runs, instead of the user of servers. */
  readonly user?: ServerUser;
  /** Time for an orderly end, in milliseconds; 5,000 unless told. */
  readonly graceMs?: number;
  /** Its arguments, for a folder and a port of its own. */
  args(folder: ServerFolder, port: number): readonly string[];
  /** Whether it answers there. */
  answers(port: number): Promise<boolean>;
}

/** A running (or killed, and to be restarted) server that is one process, in a temporary folder. */
export class OneProcessServer {
  readonly port: number;
  readonly #options: OneProcessServerOptions;
  readonly #folder: ServerFolder;
  readonly #args: readonly string[];
  #process: ServerProcess | undefined;

  private constructor(options: OneProcessServerOptions, folder: ServerFolder, port: number) {
    this.#options = options;
    this.#folder = folder;
    this.port = port;
    this.#args = options.args(folder, port);
  }

  /** Starts one on a free port. */
  static async start(options: OneProcessServerOptions): Promise<OneProcessServer> {
    const folder = new ServerFolder(`unanimous-${options.name.toLowerCase()}-`, 'TERM');
    const server = new OneProcessServer(options, folder, await freePort());
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get name(): string {
    return this.#options.name;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** kill -9: what it had not written down is gone. */
  async kill9(): Promise<void> {
    await this.#process?.kill9();
  }

  /** Starts it again on the same port and data, after an orderly end if it still runs. */
  async restart(): Promise<void> {
    const { name, binary, user = this.#folder.user } = this.#options;
    await this.#end();
    const started = new ServerProcess(binary, this.#args, { cwd: this.#folder.path, user });
    this.#process = started;
    this.#folder.watch([started.pid]);
    const isUp = async () => started.hasExited || (await this.#options.answers(this.port));
    await waitUntil(isUp, { what: `${name} to answer`, timeoutMs: 60_000 });
    if (started.hasExited) throw new Error(`${name} did not start: ${started.recentOutput}`);
  }

  /** Ends it for good and removes its folder; idempotent. */
  async stop(): Promise<void> {
    if ((await this.#end()) === false) await this.#process?.kill9();
    await this.#folder.remove();
  }

  /** False when it runs on. */
  async #end(): Promise<boolean | undefined> {
    return this.#process?.end('SIGTERM', this.#options.graceMs ?? 5_000);
  }
}

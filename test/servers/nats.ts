import { spawnSync } from 'node:child_process';
import { connect } from '@nats-io/transport-node';
import { freePort } from '../support/free-port.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ServerFolder } from '../../examples/support/server-folder.ts';
import { ServerProcess } from '../../examples/support/server-process.ts';

const binary = process.env.UNANIMOUS_NATS_SERVER || 'nats-server';

/** Whether a NATS server could be started here. */
export function hasNats(): boolean {
  return spawnSync(binary, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Starts a NATS server with JetStream in a temporary folder, on a free port. */
export async function startNats(...more: string[]): Promise<NatsServer> {
  const folder = new ServerFolder('unanimous-nats-', 'TERM');
  const port = await freePort();
  const listen = ['--addr', '127.0.0.1', '--port', String(port)];
  const args = [...listen, '--jetstream', '--store_dir', folder.makeFolder('store'), ...more];
  const server = new NatsServer(folder, port, args);
  try {
    await server.restart();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** A running (or killed, and to be restarted) NATS server. */
export class NatsServer {
  readonly port: number;
  readonly #folder: ServerFolder;
  readonly #args: readonly string[];
  #process: ServerProcess | undefined;

  /** @internal Use `startNats`. */
  constructor(folder: ServerFolder, port: number, args: readonly string[]) {
    this.#folder = folder;
    this.port = port;
    this.#args = args;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** kill -9. */
  async kill9(): Promise<void> {
    await this.#process?.kill9();
  }

  /** Starts it again on the same port and data, after an orderly end if it still runs. */
  async restart(): Promise<void> {
    await this.#process?.end('SIGTERM', 5_000);
    const { path: cwd, user } = this.#folder;
    const started = new ServerProcess(binary, this.#args, { cwd, user });
    this.#process = started;
    this.#folder.watch([started.pid]);
    const what = 'NATS to answer';
    await waitUntil(async () => started.hasExited || (await this.#answers()), { what });
    if (started.hasExited) throw new Error(`NATS did not start: ${started.recentOutput}`);
  }

  /** Ends it for good and removes its folder; idempotent. */
  async stop(): Promise<void> {
    if (this.#process && !(await this.#process.end('SIGTERM', 5_000))) await this.#process.kill9();
    await this.#folder.remove();
  }

  async #answers(): Promise<boolean> {
    try {
      const connection = await connect({ servers: this.address, reconnect: false });
      await connection.close();
      return true;
    } catch (error) {
      return /authoriz/i.test(String(error)); // it asks who we are, so it is there
    }
  }
}

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { freePort } from './free-port.ts';
import { ServerFolder } from './server-folder.ts';
import { ServerProcess } from './server-process.ts';
import { waitUntil } from './wait-until.ts';

/**
 * The script that starts the broker, or undefined where RabbitMQ is not installed. Debian's own
 * rabbitmq-server on the PATH would change to the system's user and folders, so it comes last.
 */
function rabbitmqScript(): string | undefined {
  const folders = ['/usr/lib/rabbitmq/bin', ...(process.env.PATH ?? '').split(delimiter)];
  const candidates = folders.map((folder) => join(folder, 'rabbitmq-server'));
  return [process.env.UNANIMOUS_RABBITMQ_SERVER ?? '', ...candidates].find(existsSync);
}

/**
 * Starts a RabbitMQ of our own in a temporary folder, guest:guest, on a free port; 8 s on two
 * cores. Stop it with `stop` or `await using`; nothing is left behind then.
 */
export async function startRabbitmq(): Promise<RabbitmqServer> {
  const script = rabbitmqScript();
  if (script === undefined) {
    throw new Error('no rabbitmq-server: install it, or set UNANIMOUS_RABBITMQ_SERVER to its path');
  }
  const folder = new ServerFolder('unanimous-rabbitmq-', 'TERM');
  try {
    return await RabbitmqServer.start(script, folder);
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** A running (or killed, and to be restarted) RabbitMQ with its own data and its own epmd. */
export class RabbitmqServer {
  readonly #script: string;
  readonly #folder: ServerFolder;
  readonly #env: NodeJS.ProcessEnv;
  readonly #port: number;
  readonly #epmd: ServerProcess;
  #broker: ServerProcess | undefined;

  private constructor(script: string, folder: ServerFolder, port: number, env: NodeJS.ProcessEnv) {
    this.#script = script;
    this.#folder = folder;
    this.#port = port;
    this.#env = env;
    const args = ['-port', String(env.ERL_EPMD_PORT), '-address', '127.0.0.1'];
    this.#epmd = new ServerProcess('epmd', args, this.#spawnOptions()); // in the foreground: ours to end
  }

  /** @internal Use `startRabbitmq`. */
  static async start(script: string, folder: ServerFolder): Promise<RabbitmqServer> {
    const port = await freePort();
    const env = await environment(folder, port);
    const server = new RabbitmqServer(script, folder, port, env);
    try {
      await server.#launch();
      return server;
    } catch (error) {
      await server.#epmd.end('SIGKILL', 5_000);
      throw error;
    }
  }

  /** The AMQP port, the same for the server's whole life. */
  get port(): number {
    return this.#port;
  }

  /** The connection string, as guest with every right. */
  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.#port}`;
  }

  /** Where it keeps its configuration and data until `stop`. */
  get folder(): string {
    return this.#folder.path;
  }

  /** kill -9 of the broker: connections are cut, durable queues and confirmed messages stay. */
  async kill9(): Promise<void> {
    await this.#broker?.kill9();
    this.#forgetBroker();
  }

  /** Starts it again on the same port and data, after an orderly stop if it still runs. */
  async restart(): Promise<void> {
    await this.#stopBroker();
    await this.#launch();
  }

  /** Ends it for good and removes its folder; idempotent. */
  async stop(): Promise<void> {
    await this.#stopBroker();
    await this.#epmd.end('SIGTERM', 5_000);
    await this.#folder.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stopBroker(): Promise<void> {
    if (this.#broker === undefined) return;
    if (!(await this.#broker.end('SIGTERM', 20_000))) await this.#broker.kill9();
    this.#forgetBroker();
  }

  async #launch(): Promise<void> {
    const broker = new ServerProcess(this.#script, [], this.#spawnOptions());
    this.#broker = broker;
    this.#folder.watch([broker.pid, this.#epmd.pid]);
    const answered = waitUntil(async () => broker.hasExited || (await speaksAmqp(this.#port)), {
      what: 'RabbitMQ to answer',
      timeoutMs: 60_000,
      intervalMs: 50,
    });
    try {
      await answered;
      if (broker.hasExited) throw new Error('RabbitMQ exited while it started');
    } catch (error) {
      await broker.kill9();
      this.#forgetBroker();
      throw new Error(`RabbitMQ did not start: ${broker.recentOutput}`, { cause: error });
    }
  }

  #forgetBroker(): void {
    if (this.#broker === undefined) return;
    this.#broker = undefined;
    this.#folder.watch([this.#epmd.pid]);
  }

  #spawnOptions() {
    return { user: this.#folder.user, cwd: this.#folder.path, env: this.#env };
  }
}

/** Everything in our folder and on our ports, nothing from /etc/rabbitmq; no plugins. */
async function environment(folder: ServerFolder, port: number): Promise<NodeJS.ProcessEnv> {
  const config = [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    'loopback_users = none',
    'log.console = true',
    'log.file = false',
    '',
  ];
  return {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    HOME: folder.path,
    ERL_EPMD_PORT: String(await freePort()),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `unanimous-${port}@localhost`,
    RABBITMQ_DIST_PORT: String(await freePort()),
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_CONFIG_FILE: folder.writeFile('rabbitmq.conf', config.join('\n')),
    RABBITMQ_ADVANCED_CONFIG_FILE: folder.file('advanced.config'),
    RABBITMQ_MNESIA_BASE: folder.makeFolder('mnesia'),
    RABBITMQ_LOG_BASE: folder.makeFolder('log'),
    RABBITMQ_GENERATED_CONFIG_DIR: folder.makeFolder('generated'),
    RABBITMQ_ENABLED_PLUGINS_FILE: folder.writeFile('enabled_plugins', '[].\n'),
    RABBITMQ_PID_FILE: folder.file('pid'),
    RABBITMQ_ALLOW_INPUT: '1', // the script then execs erl, so that our child is the broker itself
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-noinput +sbwt none +sbwtdcpu none +sbwtdio none',
  };
}

/** Whether a broker answers our protocol header: the port opens before it does. */
function speaksAmqp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('AMQP\0\0\x09\x01', 'latin1'));
    const answer = (isReady: boolean) => {
      socket.destroy();
      resolve(isReady);
    };
    socket.setTimeout(2_000, () => answer(false));
    socket.once('data', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
  });
}

/** Whether a RabbitMQ could be started here: its script, and epmd on the PATH. */
export function hasRabbitmq(): boolean {
  return rabbitmqScript() !== undefined && spawnSync('epmd', ['-help']).error === undefined;
}

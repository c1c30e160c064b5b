import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerFolder } from '../../examples/support/server-folder.ts';
import { ServerProcess } from '../../examples/support/server-process.ts';
import { freePort } from '../support/free-port.ts';
import { waitUntil } from '../support/wait-until.ts';

const pom = fileURLToPath(new URL('opensearch/pom.xml', import.meta.url));
const source = fileURLToPath(new URL('opensearch/OneNode.java', import.meta.url));
const heap = ['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC'];
const java = ['-XX:TieredStopAtLevel=1', '-Dlog4j2.level=ERROR', ...heap];

/** Whether an OpenSearch could be started here: with a JDK, and what Maven fetches at first. */
export function hasOpensearch(): boolean {
  const hasJava = spawnSync('java', ['-version'], { stdio: 'ignore' }).status === 0;
  return hasJava && classPath() !== undefined;
}

/** Builds the class path with Maven and compiles `OneNode.java`, once for each version of both. */
function classPath(): string | undefined {
  const version = createHash('sha1').update(readFileSync(pom)).update(readFileSync(source));
  const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));
  const folder = join(cache, `opensearch-${version.digest('hex').slice(0, 12)}`);
  return built(folder) ?? (build(folder) ? built(folder) : undefined);
}

/** What was built before; nothing when Maven's own cache was emptied meanwhile. */
function built(folder: string): string | undefined {
  const list = join(folder, 'class-path');
  if (!existsSync(list)) return undefined;
  const jars = readFileSync(list, 'utf8').trim();
  return jars.split(':').every((jar) => existsSync(jar)) ? `${folder}:${jars}` : undefined;
}

function build(folder: string): boolean {
  const building = `${folder}-${process.pid}`;
  mkdirSync(building, { recursive: true });
  const list = join(building, 'class-path');
  const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${list}`];
  const options = { stdio: 'ignore', timeout: 300_000 } as const;
  try {
    if (spawnSync('mvn', ['-q', '-B', '-f', pom, ...goal], options).status !== 0) return false;
    const compile = ['-cp', readFileSync(list, 'utf8').trim(), '-d', building, source];
    if (spawnSync('javac', compile, options).status !== 0) return false;
    rmSync(folder, { recursive: true, force: true });
    renameSync(building, folder);
    return true;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/** Starts an OpenSearch of one node, without security, in a temporary folder, on a free port. */
export async function startOpensearch(): Promise<OpensearchServer> {
  const folder = new ServerFolder('unanimous-opensearch-', 'TERM');
  const server = new OpensearchServer(folder, await freePort());
  try {
    await server.restart();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** A running (or killed, and to be restarted) OpenSearch. */
export class OpensearchServer {
  readonly port: number;
  readonly #folder: ServerFolder;
  #process: ServerProcess | undefined;

  /** @internal Use `startOpensearch`. */
  constructor(folder: ServerFolder, port: number) {
    this.#folder = folder;
    this.port = port;
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
    await this.#process?.end('SIGTERM', 10_000);
    const main = ['OneNode', this.#folder.path, String(this.port)];
    // As ourselves: the jars lie in our home. Embedded in a program it does not mind who that is.
    const options = { cwd: this.#folder.path, user: {} };
    const args = [...java, '-cp', classPath() ?? '', ...main];
    const started = new ServerProcess('java', args, options);
    this.#process = started;
    this.#folder.watch([started.pid]);
    const what = 'OpenSearch to answer';
    const isUp = async () => started.hasExited || (await this.#isHealthy());
    await waitUntil(isUp, { what, timeoutMs: 60_000, intervalMs: 100 });
    if (started.hasExited) throw new Error(`OpenSearch did not start: ${started.recentOutput}`);
  }

  /** Ends it for good and removes its folder; idempotent. */
  async stop(): Promise<void> {
    if (this.#process && !(await this.#process.end('SIGTERM', 10_000))) await this.#process.kill9();
    await this.#folder.remove();
  }

  /** All that it had is there again, replicas apart. */
  async #isHealthy(): Promise<boolean> {
    try {
      const answer = await fetch(`http://${this.address}/_cluster/health`);
      return answer.ok && ((await answer.json()) as { status: string }).status !== 'red';
    } catch {
      return false;
    }
  }
}

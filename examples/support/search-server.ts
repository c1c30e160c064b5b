import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerFolder } from './server-folder.ts';
import { ServerProcess } from './server-process.ts';
import { freePort } from './free-port.ts';
import { waitUntil } from './wait-until.ts';
import { javaClassPath } from './java-class-path.ts';

const heap = ['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC'];
const java = ['-XX:TieredStopAtLevel=1', '-Dlog4j2.level=ERROR', ...heap];

/** The two servers that speak this interface. */
export type SearchServerName = 'opensearch' | 'elasticsearch';

/** Whether one could be started here: a JDK, and its jars from Maven. */
export function hasSearchServer(name: SearchServerName): boolean {
  return classPath(name) !== undefined;
}

/** The jars, and before them our own program, compiled once for each version of it. */
function classPath(name: SearchServerName): string | undefined {
  const jars = javaClassPath(`./${name}-pom.xml`);
  if (jars === undefined) return undefined;
  const source = fileURLToPath(new URL(`${name}-node.java`, import.meta.url));
  const version = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const classes = fileURLToPath(new URL(`../../.cache/java/${version}`, import.meta.url));
  if (existsSync(join(classes, 'OneNode.class'))) return `${classes}:${jars}`;
  const compiled = spawnSync('javac', ['-cp', jars, '-d', classes, source], { stdio: 'ignore' });
  return compiled.status === 0 ? `${classes}:${jars}` : undefined;
}

/** Starts one of one node, without security, in a temporary folder, on a free port. */
export async function startSearchServer(name: SearchServerName): Promise<RunningSearchServer> {
  const folder = new ServerFolder(`unanimous-${name}-`, 'TERM');
  const server = new RunningSearchServer(name, folder, await freePort());
  try {
    await server.restart();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** A running (or killed, and to be restarted) server. */
export class RunningSearchServer {
  readonly name: SearchServerName;
  readonly port: number;
  readonly #folder: ServerFolder;
  #process: ServerProcess | undefined;

  /** @internal Use `startSearchServer`. */
  constructor(name: SearchServerName, folder: ServerFolder, port: number) {
    this.name = name;
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
    const args = [...java, '-cp', classPath(this.name) ?? '', ...main];
    const started = new ServerProcess('java', args, options);
    this.#process = started;
    this.#folder.watch([started.pid]);
    const what = `${this.name} to answer`;
    const isUp = async () => started.hasExited || (await this.#isHealthy());
    await waitUntil(isUp, { what, timeoutMs: 60_000, intervalMs: 100 });
    if (started.hasExited) throw new Error(`${this.name} did not start: ${started.recentOutput}`);
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

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { javaClassPath } from './java-class-path.ts';
import { OneProcessServer } from './one-process-server.ts';

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

/** A running (or killed, and to be restarted) server. */
export type RunningSearchServer = OneProcessServer & { readonly name: SearchServerName };

/** Starts one of one node, without security, in a temporary folder, on a free port. */
export async function startSearchServer(name: SearchServerName): Promise<RunningSearchServer> {
  const server = await OneProcessServer.start({
    name,
    binary: 'java',
    user: {}, // as ourselves: the jars lie in our home, and embedded it does not mind who that is
    graceMs: 10_000,
    args: ({ path }, port) => {
      return [...java, '-cp', classPath(name) ?? '', 'OneNode', path, String(port)];
    },
    answers: isHealthy,
  });
  return server as RunningSearchServer;
}

/** All that it had is there again, replicas apart. */
async function isHealthy(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/_cluster/health`);
    return answer.ok && ((await answer.json()) as { status: string }).status !== 'red';
  } catch {
    return false;
  }
}

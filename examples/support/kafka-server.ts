import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { ServerFolder } from './server-folder.ts';
import { ServerProcess } from './server-process.ts';
import { freePort } from './free-port.ts';
import { waitUntil } from './wait-until.ts';
import { javaClassPath } from './java-class-path.ts';

/** Whether a Kafka broker could be started here: Java, and its jars from Maven. */
export function hasKafka(): boolean {
  return classPath() !== undefined;
}

function classPath(): string | undefined {
  return javaClassPath('./kafka-pom.xml');
}

/** Arguments of java for a program of Kafka: small, and quick to start. */
function javaArgs(...program: string[]): string[] {
  const small = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  return [...small, '-cp', classPath() ?? '', ...program];
}

/** Arguments of java for one of the tools that Kafka brings. */
export function kafkaTool(name: string, ...args: readonly string[]): string[] {
  return javaArgs(name, ...args);
}

/** Starts a Kafka of one node (KRaft) in a temporary folder, on a free port; a few seconds. */
export async function startKafka(): Promise<KafkaServer> {
  const folder = new ServerFolder('unanimous-kafka-', 'TERM');
  const [port, controller] = [await freePort(), await freePort()];
  const properties = folder.writeFile('server.properties', settings(folder, port, controller));
  const server = new KafkaServer(folder, port, properties);
  try {
    const id = randomBytes(16).toString('base64url');
    const format = javaArgs('kafka.tools.StorageTool', 'format', '-t', id, '-c', properties);
    const formatted = spawnSync('java', format, {
      cwd: folder.path,
      encoding: 'utf8',
    });
    if (formatted.status !== 0) throw new Error(`Kafka's folder: ${formatted.stderr}`);
    await server.restart();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** A running (or killed, and to be restarted) Kafka. */
export class KafkaServer {
  readonly port: number;
  readonly #folder: ServerFolder;
  readonly #properties: string;
  #process: ServerProcess | undefined;

  /** @internal Use `startKafka`. */
  constructor(folder: ServerFolder, port: number, properties: string) {
    this.#folder = folder;
    this.port = port;
    this.#properties = properties;
  }

  /** kill -9. */
  async kill9(): Promise<void> {
    await this.#process?.kill9();
  }

  /** Starts it again on the same port and data, after an orderly end if it still runs. */
  async restart(): Promise<void> {
    await this.#process?.end('SIGTERM', 20_000);
    // As ourselves: the jars lie in our own home.
    const { path: cwd } = this.#folder;
    const args = javaArgs('kafka.Kafka', this.#properties);
    const started = new ServerProcess('java', args, { cwd, user: {} });
    this.#process = started;
    this.#folder.watch([started.pid]);
    const isUp = async () => started.hasExited || (await this.#answers());
    await waitUntil(isUp, { what: 'Kafka to answer', timeoutMs: 60_000 });
    if (started.hasExited) throw new Error(`Kafka did not start: ${started.recentOutput}`);
  }

  /** Ends it for good and removes its folder; idempotent. */
  async stop(): Promise<void> {
    if (this.#process && !(await this.#process.end('SIGTERM', 10_000))) await this.#process.kill9();
    await this.#folder.remove();
  }

  async #answers(): Promise<boolean> {
    const brokers = [`127.0.0.1:${this.port}`];
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
    try {
      await admin.connect();
      await admin.listTopics();
      return true;
    } catch {
      return false;
    } finally {
      await admin.disconnect();
    }
  }
}

function settings(folder: ServerFolder, port: number, controller: number): string {
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}
controller.listener.names=CONTROLLER
log.dirs=${folder.makeFolder('data')}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=1
num.io.threads=2
log.cleaner.enable=false
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
`;
}

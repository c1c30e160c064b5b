import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { freePort } from './free-port.ts';
import { javaClassPath } from './java-class-path.ts';
import { OneProcessServer } from './one-process-server.ts';
import type { ServerFolder } from './server-folder.ts';

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

/** A Kafka of our own. */
export type KafkaServer = OneProcessServer;

/** Starts a Kafka of one node (KRaft) in a temporary folder, on a free port; a few seconds. */
export async function startKafka(): Promise<KafkaServer> {
  const controller = await freePort();
  return OneProcessServer.start({
    name: 'Kafka',
    binary: 'java',
    user: {}, // as ourselves: the jars lie in our own home
    graceMs: 20_000,
    args(folder, port) {
      const properties = folder.writeFile('server.properties', settings(folder, port, controller));
      const id = randomBytes(16).toString('base64url');
      const format = javaArgs('kafka.tools.StorageTool', 'format', '-t', id, '-c', properties);
      const formatted = spawnSync('java', format, { cwd: folder.path, encoding: 'utf8' });
      if (formatted.status !== 0) throw new Error(`Kafka's folder: ${formatted.stderr}`);
      return javaArgs('kafka.Kafka', properties);
    },
    answers,
  });
}

async function answers(port: number): Promise<boolean> {
  const brokers = [`127.0.0.1:${port}`];
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

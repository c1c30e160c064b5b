import { spawnSync } from 'node:child_process';
import { connect } from '@nats-io/transport-node';
import { OneProcessServer } from '../../examples/support/one-process-server.ts';

const binary = process.env.UNANIMOUS_NATS_SERVER || 'nats-server';

/** A NATS server of our own. */
export type NatsServer = OneProcessServer;

/** Whether a NATS server could be started here. */
export function hasNats(): boolean {
  return spawnSync(binary, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Starts a NATS server with JetStream in a temporary folder, on a free port. */
export function startNats(...more: string[]): Promise<NatsServer> {
  return OneProcessServer.start({
    name: 'NATS',
    binary,
    args(folder, port) {
      const listen = ['--addr', '127.0.0.1', '--port', String(port)];
      return [...listen, '--jetstream', '--store_dir', folder.makeFolder('store'), ...more];
    },
    answers,
  });
}

async function answers(port: number): Promise<boolean> {
  try {
    const connection = await connect({ servers: `127.0.0.1:${port}`, reconnect: false });
    await connection.close();
    return true;
  } catch (error) {
    return /authoriz/i.test(String(error)); // it asks who we are, so it is there
  }
}

import { serve, type ServeOptions, type Service } from '@unanimous/coordinator';
import { tempDir } from '../../support/temp-dir.ts';
import { type Script, ScriptedPeer } from './scripted-peer.ts';
import { plain } from './contract-client.ts';
import { UnaryClient } from './unary-client.ts';

/** A coordinator on a real log in a folder of its own, on a free port. */
export class ServedCoordinator implements AsyncDisposable {
  readonly service: Service;
  readonly #cleanups: (() => void)[] = [];

  constructor(service: Service) {
    this.service = service;
  }

  get address(): string {
    return this.service.address;
  }

  client(metadata: Record<string, string> = {}, credentials = plain): UnaryClient {
    const client = new UnaryClient(this.address, metadata, credentials);
    this.#cleanups.push(() => client.close());
    return client;
  }

  async peer(script: Partial<Script> = {}, credentials = plain): Promise<ScriptedPeer> {
    const peer = await ScriptedPeer.open(this.address, script, credentials);
    this.#cleanups.push(() => peer.close());
    return peer;
  }

  /** Runs when the coordinator is disposed of. */
  onDispose(cleanup: () => void): void {
    this.#cleanups.unshift(cleanup);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.close();
    for (const cleanup of this.#cleanups.splice(0).toReversed()) cleanup();
  }
}

/** Starts one. Dispose of it with `await using`. */
export async function serveCoordinator(
  options: Partial<ServeOptions> = {},
): Promise<ServedCoordinator> {
  const dir = tempDir();
  try {
    const dataDir = dir.file('log');
    const service = await serve({ dataDir, listen: '127.0.0.1:0', ...options });
    const served = new ServedCoordinator(service);
    served.onDispose(() => dir.remove());
    return served;
  } catch (error) {
    dir.remove();
    throw error;
  }
}

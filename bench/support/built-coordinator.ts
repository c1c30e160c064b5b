import { fileURLToPath } from 'node:url';
import { NodeProcess } from '../../test/integration/support/node-process.ts';
import { freePort } from '../../test/support/free-port.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { nativeBytes } from './cpu-time.ts';

const program = fileURLToPath(new URL('../../coordinator/dist/cli.js', import.meta.url));
const collector = new URL('./collect-garbage.mjs', import.meta.url).href;

/** `unanimous serve` as users run it: built, and in a process of its own. */
export class BuiltCoordinator extends NodeProcess {
  readonly address: string;

  private constructor(dataDir: string, address: string, args: readonly string[]) {
    super({
      name: 'the coordinator',
      args: [
        '--import',
        collector,
        program,
        'serve',
        '--data',
        dataDir,
        '--listen',
        address,
        ...args,
      ],
      env: {},
      readyLine: 'unanimous ready',
      logFile: `${dataDir}.log`,
    });
    this.address = address;
  }

  /** Starts one on a free port, and waits until it answers. */
  static async launch(dataDir: string, ...args: readonly string[]): Promise<BuiltCoordinator> {
    const address = `127.0.0.1:${await freePort()}`;
    const coordinator = new BuiltCoordinator(dataDir, address, args);
    await coordinator.start();
    return coordinator;
  }

  /**
   * Memory that it needs, in bytes: objects that live when all garbage has been collected, and what
   * Node's own code has in RAM. Not the free pages that V8 keeps for later, which come and go by MiB.
   */
  async neededBytes(): Promise<number> {
    const reports = () => [...this.said().matchAll(/^live objects: (\d+) bytes$/gm)];
    const before = reports().length;
    process.kill(this.pid, 'SIGUSR2');
    await waitUntil(() => reports().length > before, { what: 'its live objects' });
    return Number(reports().at(-1)?.[1]) + nativeBytes(this.pid);
  }
}

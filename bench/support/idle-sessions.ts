import { fileURLToPath } from 'node:url';
import { NodeProcess } from '../../test/integration/support/node-process.ts';

const program = fileURLToPath(new URL('./idle-sessions-process.ts', import.meta.url));

/** Sessions that do nothing, of clients in a process of their own: their pings are nobody else's cost. */
export class IdleSessions extends NodeProcess {
  private constructor(address: string, count: number, logFile: string) {
    super({
      name: 'the idle sessions',
      args: ['--import', 'tsx', program, address, String(count)],
      env: {},
      readyLine: 'idle sessions open',
      logFile,
    });
  }

  /** Opens them, and waits until the coordinator serves all. */
  static async open(address: string, count: number, logFile: string): Promise<IdleSessions> {
    const sessions = new IdleSessions(address, count, logFile);
    await sessions.start();
    return sessions;
  }
}

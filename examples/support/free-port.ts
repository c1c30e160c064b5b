import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the range from which systems take the local ports of outgoing connections. */
const firstPort = 15_000;
const lastPort = 32_000;

/**
 * Finds a TCP port on 127.0.0.1 that nobody listens on right now. No outgoing connection will be
 * given it, so a server can be killed and started again on it. Another process may still take it
 * first: a server that can bind port 0 itself should do that instead.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(firstPort, lastPort);
    if (await canListenOn(port)) return port;
  }
  throw new Error(`found no free port between ${firstPort} and ${lastPort} in 100 attempts`);
}

function canListenOn(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

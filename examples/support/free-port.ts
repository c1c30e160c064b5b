import { createServer } from 'node:net';

/**
 * Asks the system for a TCP port on 127.0.0.1 that nobody listens on right now. Somebody else may
 * take it before the caller does; a server that can bind port 0 itself should do that instead.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.unref();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error(`no port in the address ${String(address)}`));
      });
    });
  });
}

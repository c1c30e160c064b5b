import { writeFileSync } from 'node:fs';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serve, type Service } from '../../../coordinator/src/serve.ts';
import { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import { grpcTransport } from '../../../participant-sdk/src/session/grpc-transport.ts';
import {
  type CoordinatorHandlers,
  coordinatorService,
  newCoordinatorFrame,
} from '../../../proto/src/index.ts';
import { toServiceError, UnanimousError } from '../../../proto/src/index.ts';
import { type Authority, makeAuthority } from '../../coordinator/api/certificates.ts';
import { type TempDir, tempDir } from '../../support/temp-dir.ts';
import { FakeDatabase } from '../support/fake-database.ts';

let folder: TempDir;
let authority: Authority;
let coordinator: Service;

beforeEach(async () => {
  folder = tempDir();
  authority = await makeAuthority();
  const { cert, key } = authority.server;
  coordinator = await serve({
    dataDir: folder.file('log'),
    listen: '127.0.0.1:0',
    tls: { cert: Buffer.from(cert), key: Buffer.from(key), clientCa: Buffer.from(authority.cert) },
  });
});

afterEach(async () => {
  await coordinator.close();
  folder.remove();
});

test('mutual TLS, with certificates as text or as files', async () => {
  const { cert, key } = authority.client;
  for (const [name, text] of Object.entries({ ca: authority.cert, cert, key })) {
    writeFileSync(folder.file(`${name}.pem`), text);
  }
  const fromFiles = {
    ca: folder.file('ca.pem'),
    cert: folder.file('cert.pem'),
    key: folder.file('key.pem'),
    serverName: 'localhost',
  };
  for (const tls of [{ ca: authority.cert, cert, key }, fromFiles]) {
    await using tm = new TransactionClient({ address: coordinator.address, tls });
    const orders = await tm.serve(new FakeDatabase('orders-db'));
    const result = await tm.transaction(() => orders.write('order 1'));
    expect(result).toMatchObject({ outcome: 'committed', applied: true });
  }
});

test('a coordinator of another authority, or a plain connection, is not-connected', async () => {
  const { cert: ca, client } = await makeAuthority();
  const options = { address: coordinator.address, connectTimeoutMs: 500 };
  await using stranger = new TransactionClient({ ...options, tls: { ca, ...client } });
  await using plain = new TransactionClient(options);
  for (const tm of [stranger, plain]) {
    await expect(tm.transaction(() => 1)).rejects.toMatchObject({
      code: 'not-connected',
      message: expect.stringContaining(coordinator.address),
    });
  }
});

test('what cannot be an address is refused at once', () => {
  expect(() => new TransactionClient('')).toThrow('address');
  const both = { address: 'localhost:1', timeoutMs: -1 };
  expect(() => new TransactionClient(both)).toThrow('timeoutMs');
  const missing = { address: 'localhost:1', tls: { ca: '/nowhere/ca.pem' } };
  expect(() => new TransactionClient(missing)).toThrow('/nowhere/ca.pem');
});

test('what a coordinator says before it ends the session with an error is heard before the error', async () => {
  const server = new Server();
  const refuse = () => {};
  const handlers: CoordinatorHandlers = {
    Begin: refuse,
    Enlist: refuse,
    Commit: refuse,
    Abort: refuse,
    Get: refuse,
    Session: (call) => {
      for (let n = 1; n <= 12; n++) {
        call.write({ ...newCoordinatorFrame(), served: [{ ref: n, rm: 'orders-db' }] });
      }
      call.emit('error', toServiceError(new UnanimousError('draining', 'it stops')));
    },
  };
  server.addService(coordinatorService, handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const heard: unknown[] = [];
  await new Promise<void>((resolve) => {
    grpcTransport(`127.0.0.1:${port}`, undefined).connect({
      frame: ({ served }) => heard.push(served[0]?.ref),
      drained: () => {},
      closed: (error) => {
        heard.push((error as UnanimousError).code);
        resolve();
      },
    });
  });
  expect(heard).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 'draining']);
  server.forceShutdown();
});

import { connect, type Socket } from 'node:net';
import { connect as connectTls, createServer, type Server } from 'node:tls';
import { expect, test } from 'vitest';
import { readListenAddress } from '../../../coordinator/src/api/listen-address.ts';
import { Listener } from '../../../coordinator/src/api/listener.ts';
import { makeAuthority } from './certificates.ts';

async function tlsServer(): Promise<Server> {
  const { cert, key } = (await makeAuthority()).server;
  return createServer({ cert, key }, (socket) => socket.on('error', () => {}));
}

function closed(socket: Socket): Promise<'closed'> {
  return new Promise((resolve) => socket.once('close', () => resolve('closed')));
}

test('a connection that says nothing is closed, and no other', async () => {
  const tls = await tlsServer();
  const listener = new Listener((socket) => tls.emit('connection', socket), 300);
  const address = await listener.listen(await readListenAddress('127.0.0.1:0'));
  const port = Number(address.split(':')[1]);
  const silent = connect(port, '127.0.0.1');
  const talking = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  talking.on('error', () => {});
  expect(await closed(silent)).toBe('closed');
  const later = new Promise((resolve) => setTimeout(() => resolve('open'), 500));
  expect(await Promise.race([closed(talking), later])).toBe('open');
  listener.close();
  listener.destroyConnections();
  expect(await closed(talking)).toBe('closed');
});

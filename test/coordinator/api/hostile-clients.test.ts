import { randomBytes } from 'node:crypto';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeAll, afterAll, describe, expect, test, vi } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import { Relay } from './relay.ts';
import { ScriptedPeer } from './scripted-peer.ts';
import { type ServedCoordinator, serveCoordinator } from './served-coordinator.ts';

let served: ServedCoordinator;
let port: number;

beforeAll(async () => {
  served = await serveCoordinator();
  port = Number(served.address.split(':')[1]);
});

afterAll(() => served[Symbol.asyncDispose]());

// Whatever a test has done: an honest transaction commits.
afterEach(async () => {
  const client = served.client();
  const peer = await served.peer();
  await peer.serve('honest');
  const begun = await client.begin();
  await client.enlist(begun, 'honest', 'x');
  expect(await client.commit(begun)).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: true });
  peer.close();
  client.close();
});

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.on('error', () => {});
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

describe('the server outlives', () => {
  test.each([
    ['nothing at all', Buffer.alloc(0)],
    ['garbage', randomBytes(100_000)],
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a preface and garbage', Buffer.concat([preface, randomBytes(100_000)])],
    ['a frame of 16 MiB', Buffer.concat([preface, Buffer.from('ffffff0400000000000000', 'hex')])],
    ['half a preface', preface.subarray(0, 10)],
  ])('%s on its port, and a reset', async (_what, bytes) => {
    for (let attempt = 0; attempt < 20; attempt++) {
      const socket = await open();
      socket.write(bytes);
      await new Promise((resolve) => setTimeout(resolve, 5));
      socket.resetAndDestroy();
    }
  });

  test('200 connections that say nothing', async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, open));
    await served.client().begin();
    for (const socket of sockets) socket.destroy();
  });

  test('1,000 streams that are opened and dropped', async () => {
    const opened = vi.spyOn(served.service.coordinator, 'openSession');
    for (let round = 0; round < 10; round++) {
      const http2 = connectHttp2(`http://${served.address}`);
      http2.on('error', () => {});
      for (let count = 0; count < 100; count++) {
        const stream = http2.request({
          ':method': 'POST',
          ':path': '/unanimous.v1.Coordinator/Session',
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        stream.on('error', () => {});
        if (count % 2 === 0) stream.close(constants.NGHTTP2_CANCEL);
        else stream.write(randomBytes(count));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
      http2.destroy();
    }
    const sessions = () => opened.mock.results.map(({ value }) => value as { isOver: boolean });
    expect(sessions().length).toBeGreaterThan(100);
    const areOver = () => sessions().every((session) => session.isOver);
    await waitUntil(areOver, { what: 'all sessions to be over', timeoutMs: 2_000 });
    opened.mockRestore();
  });

  test.each([
    ['no such method', '/unanimous.v1.Coordinator/Nothing', 'application/grpc'],
    ['no such service', '/x', 'application/grpc'],
    ['not gRPC', '/unanimous.v1.Coordinator/Begin', 'text/html'],
  ])('a call of %s', async (_what, path, contentType) => {
    const http2 = connectHttp2(`http://${served.address}`);
    const headers = { ':method': 'POST', ':path': path, 'content-type': contentType };
    const stream = http2.request({ ...headers, te: 'trailers' });
    stream.resume();
    await new Promise((resolve) => stream.once('response', resolve));
    http2.destroy();
  });

  test('100 peers that are cut off in the middle of a transaction', async () => {
    using relay = await Relay.to(served.address);
    const peers = await Promise.all(
      Array.from({ length: 100 }, () => ScriptedPeer.open(relay.address)),
    );
    for (const [index, peer] of peers.entries()) {
      await peer.serve(`rm-${index}`);
      peer.send({ begins: [{ ref: 1, timeoutMs: 3_600_000 }] });
    }
    await Promise.all(peers.map((peer) => peer.hears('begun', (begun) => begun[0])));
    expect(served.service.coordinator.transactions.openCount).toBeGreaterThanOrEqual(100);
    relay.cut();
    const { coordinator } = served.service;
    const left = () => coordinator.sessions.views().filter(({ rms }) => rms[0]?.startsWith('rm-'));
    await waitUntil(() => left().length === 0, {
      what: 'the sessions to be gone',
      timeoutMs: 5_000,
    });
    for (const peer of peers) peer.close();
  });
});

test('a peer that is frozen is noticed within 16 seconds', async () => {
  using relay = await Relay.to(served.address);
  const peer = await ScriptedPeer.open(relay.address);
  const isThere = () =>
    served.service.coordinator.sessions.views().some((view) => view.instance === peer.instance);
  expect(isThere()).toBe(true);
  relay.freeze();
  await waitUntil(() => !isThere(), { what: 'the frozen peer to be noticed', timeoutMs: 16_000 });
  peer.close();
});

import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, makeAuthority, type Pair } from './certificates.ts';
import { ScriptedPeer } from './scripted-peer.ts';
import { serveCoordinator } from './served-coordinator.ts';

let ours: Authority;
let theirs: Authority;

beforeAll(async () => {
  [ours, theirs] = await Promise.all([makeAuthority(), makeAuthority()]);
});

function tls() {
  const { cert, key } = ours.server;
  return {
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    clientCa: Buffer.from(ours.cert),
  };
}

function showing(pair?: Pair, authority = ours): ChannelCredentials {
  const ca = Buffer.from(authority.cert);
  if (!pair) return credentials.createSsl(ca);
  return credentials.createSsl(ca, Buffer.from(pair.key), Buffer.from(pair.cert));
}

describe('with TLS', () => {
  test('who shows a certificate of our authority is served', async () => {
    await using served = await serveCoordinator({ tls: tls() });
    const client = served.client({}, showing(ours.client));
    const peer = await served.peer({}, showing(ours.client));
    await peer.serve('events');
    const begun = await client.begin();
    await client.enlist(begun, 'events', 'x');
    expect(await client.commit(begun)).toMatchObject({ kind: 'OUTCOME_COMMITTED', applied: true });
  });

  test('who shows none, or one of another authority, or speaks without TLS is not', async () => {
    await using served = await serveCoordinator({ tls: tls() });
    for (const identity of [showing(), showing(theirs.client), credentials.createInsecure()]) {
      await expect(served.client({}, identity).begin()).rejects.toMatchObject({ code: 14 });
      const peer = new ScriptedPeer(served.address, {}, identity);
      peer.hello();
      expect(await peer.ended).toMatchObject({ code: 14 });
      peer.close();
    }
    await served.client({}, showing(ours.client)).begin();
  });

  test('a client refuses a coordinator of another authority', async () => {
    await using served = await serveCoordinator({ tls: tls() });
    const client = served.client({}, showing(ours.client, theirs));
    await expect(client.begin()).rejects.toMatchObject({ code: 14 });
  });

  test('every address may be listened on', async () => {
    await using served = await serveCoordinator({ tls: tls(), listen: '0.0.0.0:0' });
    expect(served.address).toMatch(/^0\.0\.0\.0:[1-9][0-9]+$/);
  });

  test('certificates that are none are refused', async () => {
    const broken = { ...tls(), cert: Buffer.from('not a certificate') };
    await expect(serveCoordinator({ tls: broken })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });
});

test('off this machine nothing is served without TLS, unless on purpose', async () => {
  await expect(serveCoordinator({ listen: '0.0.0.0:0' })).rejects.toMatchObject({
    code: 'insecure-listen',
  });
  const warned: object[] = [];
  const warn = (fields: object) => warned.push(fields);
  const logger = { debug() {}, info() {}, warn, error() {} };
  await using served = await serveCoordinator({ listen: '0.0.0.0:0', insecure: true, logger });
  expect(warned).toContainEqual({ event: 'listen.insecure', address: '0.0.0.0:0' });
  await served.client().begin();
});

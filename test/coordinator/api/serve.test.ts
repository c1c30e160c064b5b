import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { type Client, loadPackageDefinition, Metadata } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { serve } from '@unanimous/coordinator';
import { describe, expect, test } from 'vitest';
import { GrpcServer } from '../../../coordinator/src/api/grpc-server.ts';
import { readListenAddress } from '../../../coordinator/src/api/listen-address.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { call, plain, type Wire } from './contract-client.ts';
import { serveCoordinator } from './served-coordinator.ts';
import { refusal, UnaryClient } from './unary-client.ts';

type Nested = NonNullable<Parameters<typeof fromJSON>[0]['nested']>;

/** The standard protocol of health checks, as far as it is asked here. */
const healthContract: Nested = {
  HealthCheckRequest: { fields: { service: { type: 'string', id: 1 } } },
  HealthCheckResponse: {
    fields: { status: { type: 'ServingStatus', id: 1 } },
    nested: { ServingStatus: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2 } } },
  },
  Health: {
    methods: {
      Check: {
        requestType: 'HealthCheckRequest',
        responseType: 'HealthCheckResponse',
        comment: '',
      },
    },
  },
};
const nested = { 'grpc.health.v1': { nested: healthContract } };
const health = loadPackageDefinition(fromJSON({ nested }, { enums: String })) as Wire;

/** Asks for the health of the process and of the service. */
async function healthOf(address: string): Promise<string[]> {
  const client: Client = new health.grpc.health.v1.Health(address, plain);
  const ask = async (service: string) => {
    const { status } = await call(client, 'check', { service }, new Metadata());
    return status as string;
  };
  try {
    return await Promise.all(['', 'unanimous.v1.Coordinator'].map(ask));
  } finally {
    client.close();
  }
}

describe('health', () => {
  test('says that nobody is there until the log is read', async () => {
    const server = new GrpcServer();
    const address = await server.listen(await readListenAddress('127.0.0.1:0'));
    expect(await healthOf(address)).toEqual(['NOT_SERVING', 'NOT_SERVING']);
    const client = new UnaryClient(address);
    expect(await refusal(client.begin())).toMatchObject({ status: 14, code: 'not-active' });
    client.close();
    await server.close(0);
  });

  test('says SERVING while the coordinator answers', async () => {
    await using served = await serveCoordinator();
    expect(await healthOf(served.address)).toEqual(['SERVING', 'SERVING']);
  });

  test('says NOT_SERVING while what is open comes to its end', async () => {
    await using served = await serveCoordinator();
    const client = served.client();
    const begun = await client.begin();
    const drained = served.service.drain(10_000);
    expect(await healthOf(served.address)).toEqual(['NOT_SERVING', 'NOT_SERVING']);
    expect(await refusal(client.begin())).toMatchObject({ status: 14, code: 'draining' });
    expect(await client.commit(begun)).toMatchObject({ kind: 'OUTCOME_COMMITTED' });
    await drained;
    expect(await served.service.stopped).toBeUndefined();
  });
});

describe('a drain', () => {
  test('tells the sessions, and ends them when it is over', async () => {
    await using served = await serveCoordinator();
    const peer = await served.peer();
    await served.service.drain(1_000);
    await peer.hears('draining', (draining) => draining);
    const { metadata } = await peer.ended;
    expect(metadata.get('unanimous-code')).toEqual(['draining']);
  });

  test('is bounded: what is still open then is aborted', async () => {
    const dir = tempDir();
    const options = { dataDir: dir.file('log'), listen: '127.0.0.1:0' };
    const first = await serve(options);
    const client = new UnaryClient(first.address);
    const { gid } = await client.begin({ timeoutMs: 60_000 });
    const startedMs = performance.now();
    await first.drain(300);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    client.close();
    const second = await serve(options);
    expect(second.coordinator.outcome(gid).kind).toBe('OUTCOME_ABORTED');
    expect(second.coordinator.incarnation.epoch).toBe(2);
    await second.close();
    dir.remove();
  });
});

describe('listening', () => {
  test('on a socket in the file system lets in nobody but its user', async () => {
    using dir = tempDir();
    const path = dir.file('u.sock');
    {
      await using served = await serveCoordinator({ listen: `unix:${path}` });
      expect(served.address).toBe(`unix:${path}`);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      await served.client().begin();
    }
    // A killed process leaves its socket behind; nobody answers there, so it may be replaced.
    const left = createServer();
    await new Promise<void>((resolve) => left.listen(dir.file('left.sock'), resolve));
    const serving = serveCoordinator({ listen: `unix:${dir.file('left.sock')}` });
    await expect(serving).rejects.toMatchObject({ code: 'invalid-argument' });
    left.close();
  });

  test('on a port that is taken is refused, and the log is let go', async () => {
    await using served = await serveCoordinator();
    const again = serveCoordinator({ listen: served.address });
    await expect(again).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('EADDRINUSE'),
    });
  });

  test('on localhost listens on all that it stands for', async () => {
    await using served = await serveCoordinator({ listen: 'localhost:0' });
    expect(served.address).toMatch(/^localhost:[1-9][0-9]+$/);
    await served.client().begin();
  });
});

test('a payload limit that no message can hold is refused', async () => {
  await expect(serveCoordinator({ limits: { maxPayloadBytes: 4_000_000 } })).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining('maxPayloadBytes'),
  });
});

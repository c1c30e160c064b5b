import { setTimeout as delay } from 'node:timers/promises';
import { bullmq, redisCache, redisStreams } from '@unanimous/participant-sdk/redis';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { startRedis } from '../../../examples/support/redis-server.ts';
import { Arrivals } from '../arrivals.ts';
import { type Bench, besideRow, type MeasuredResource } from './measured-resource.ts';

const ttlMs = 300_000;

/** A value in a cache; who reads it asks every millisecond whether it is there. */
export async function openCache(bench: Bench): Promise<MeasuredResource> {
  const { client, stop } = await startWithClient();
  const cache = await bench.tm.serve(redisCache({ rm: 'cache', client, prefix: 'cache:', ttlMs }));
  return besideRow(bench, {
    name: 'Redis, cache',
    write: (event) => client.set(`cache:${event}`, JSON.stringify(event), 'PX', ttlMs),
    stage: (event) => cache.set(event, event, 1),
    async arrival(event) {
      while ((await client.exists(`cache:${event}`)) === 0) await delay(1);
    },
    [Symbol.asyncDispose]: stop,
  });
}

/** An entry in a stream. */
export async function openStreams(bench: Bench): Promise<MeasuredResource> {
  const { client, stop } = await startWithClient();
  const streams = await bench.tm.serve(redisStreams({ rm: 'streams', client }));
  const arrivals = new Arrivals();
  const blocking = client.duplicate();
  const reading = readStream(blocking, arrivals);
  return besideRow(bench, {
    name: 'Redis, streams',
    write: (event) => client.xadd('events', '*', 'content', JSON.stringify(event)),
    stage: (event) => streams.publish('events', event),
    arrival: (event) => arrivals.of(event),
    async [Symbol.asyncDispose]() {
      blocking.disconnect();
      await reading;
      await stop();
    },
  });
}

/** A job, and a worker that does nothing with it. */
export async function openBullmq(bench: Bench): Promise<MeasuredResource> {
  const { port, stop } = await startWithClient();
  const connection = { host: '127.0.0.1', port };
  const queue = new Queue('events', { connection });
  const arrivals = new Arrivals();
  const work = async ({ data }: { readonly data: string }) => arrivals.has(data);
  const worker = new Worker('events', work, { connection, concurrency: bench.inFlight });
  const jobs = await bench.tm.serve(bullmq({ rm: 'jobs', queue }));
  const options = { removeOnComplete: { count: 1_000 } };
  return besideRow(bench, {
    name: 'BullMQ',
    write: (event) => queue.add('event', event, options),
    stage: (event) => jobs.add('event', event, options),
    arrival: (event) => arrivals.of(event),
    async [Symbol.asyncDispose]() {
      await worker.close();
      await queue.close();
      await stop();
    },
  });
}

/** A Redis of its own that forces each write, since that is what keeps what it confirms. */
async function startWithClient() {
  const server = await startRedis('fsync');
  const client = new Redis({ port: server.port });
  const stop = async () => {
    client.disconnect();
    await server.stop();
  };
  return { client, port: server.port, stop };
}

async function readStream(client: Redis, arrivals: Arrivals): Promise<void> {
  for (let last = '0'; ; ) {
    // Rejects when the client is disconnected.
    const read = await client.xread('BLOCK', 0, 'STREAMS', 'events', last).catch(() => undefined);
    if (read === undefined) return;
    for (const [id, fields] of read?.[0]?.[1] ?? []) {
      arrivals.has(JSON.parse(fields[fields.indexOf('content') + 1] ?? ''));
      last = id;
    }
  }
}

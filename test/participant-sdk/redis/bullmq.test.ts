import { Queue, Worker } from 'bullmq';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bullmq } from '../../../participant-sdk/src/redis/index.ts';
import { type RedisServer, startRedis } from '../../../examples/support/redis-server.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';

serverOrSkip('redis').describe('a BullMQ queue', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('fsync');
  }, 30_000);
  afterAll(() => server.stop());

  async function served(name: string) {
    const queue = new Queue(name, { connection: { host: '127.0.0.1', port: server.port } });
    queue.on('error', () => {}); // it tries again
    const coordinator = new TestCoordinator();
    const jobs = await coordinator.serve(bullmq({ rm: 'jobs', queue }));
    return { queue, coordinator, jobs, [Symbol.asyncDispose]: () => queue.close() };
  }

  test('has a job once its transaction has committed, once, and a worker runs it', async () => {
    await using it = await served('mails');
    const transaction = await it.coordinator.begin(() =>
      it.jobs.add('welcome', { to: 'ada' }, { priority: 2, attempts: 3 }),
    );
    await transaction.prepare();
    expect(await it.queue.getJobCounts()).toMatchObject({ prioritized: 0, waiting: 0 });
    await transaction.commit();
    await transaction.commit(); // again, as after a lost acknowledgement
    const [job, ...more] = await it.queue.getJobs(['prioritized']);
    expect(more).toEqual([]);
    expect(job).toMatchObject({ name: 'welcome', id: `${transaction.gid}/1/0`, attemptsMade: 0 });
    expect(job?.opts).toMatchObject({ priority: 2, attempts: 3 });

    const connection = { host: '127.0.0.1', port: server.port };
    const worker = new Worker('mails', async ({ data }) => data as unknown, { connection });
    const result = await new Promise((resolve) => {
      worker.on('completed', (_, returned) => resolve(returned));
    });
    await worker.close();
    expect(result).toEqual({ to: 'ada' });
    await transaction.commit();
    expect(await it.queue.getJobCounts()).toMatchObject({
      completed: 1,
      prioritized: 0,
      waiting: 0,
    });
  });

  test('has nothing of an aborted transaction', async () => {
    await using it = await served('aborted');
    const transaction = await it.coordinator.begin(() => it.jobs.add('a', 1));
    await transaction.prepare();
    await transaction.abort();
    expect(await it.queue.count()).toBe(0);
  });

  test.each([
    ['', 1, {}, 'name: names nothing'],
    ['a', new Set(), {}, 'data: a Set does not survive JSON'],
    ['a', 1, { jobId: 'mine' }, 'options.jobId: the id is ours'],
  ])('refuses what could not be applied (%#)', async (name, data, options, words) => {
    await using it = await served('refused');
    const added = it.coordinator.commit(() => it.jobs.add(name, data, options));
    await expect(added).rejects.toMatchObject({ code: 'invalid-argument', message: words });
  });

  test('on a Redis that is down is a no, and what was decided comes when it is back', async () => {
    await using it = await served('down');
    const decided = await it.coordinator.begin(() => it.jobs.add('a', 1));
    await decided.prepare();
    await server.kill9();
    const refused = await it.coordinator.begin(() => it.jobs.add('b', 2));
    await expect(refused.prepare()).rejects.toMatchObject({ code: 'rm-unavailable' });
    await server.restart();
    expect(await decided.commit()).toEqual([{ result: 'committed' }]);
    expect((await it.queue.getJobs(['waiting'])).map(({ name }) => name)).toEqual(['a']);
  }, 30_000);
});

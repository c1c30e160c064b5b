import { bullmq } from '@unanimous/participant-sdk/redis';
import { Queue } from 'bullmq';
import type { Effect, ResourceCase } from '../support/resource-case.ts';
import { askRedis, durableRedis, type RedisSettings } from './redis-streams.ts';
import { resourceCase as streams } from './redis-streams.ts';

/** Each transaction adds two jobs to one queue, which nobody works on. */
export const resourceCase: ResourceCase<RedisSettings> = {
  ...streams,
  title: 'BullMQ',
  module: import.meta.url,
  promised: { parts: 2, repeats: 'none', order: 'within' },

  async start(parts) {
    const server = await durableRedis(parts);
    return {
      settings: { port: server.port },
      server,
      async read() {
        // The newest stands first.
        const [ids = []] = askRedis<string[]>(server, ['LRANGE bull:entries:wait 0 -1']);
        const oldest = ids.toReversed();
        const jobs = askRedis<string>(
          server,
          oldest.map((id) => `HGET bull:entries:${id} data`),
        );
        return jobs.map((job, at) => ({ ...(JSON.parse(job) as Effect), id: oldest[at] ?? '' }));
      },
    };
  },

  async serve(tm, rm, { port }) {
    const queue = new Queue('entries', { connection: { host: '127.0.0.1', port } });
    queue.on('error', () => {}); // it tries again
    const jobs = await tm.serve(bullmq({ rm, queue }));
    return (effect: Effect) => jobs.add('entry', effect);
  },
};

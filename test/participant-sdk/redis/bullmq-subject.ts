import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { type Bullmq, bullmq } from '@unanimous/participant-sdk/redis';
import { Queue } from 'bullmq';

/** One queue without a worker, whose jobs stay as they come. */
export function bullmqSubject(port: number): ConformanceSubject<Bullmq> {
  let queue: Queue | undefined;
  const connected = () => {
    if (queue) return queue;
    queue = new Queue('conformance', { connection: { host: '127.0.0.1', port } });
    queue.on('error', () => {}); // it tries again
    return queue;
  };
  return {
    kind: 'logged',
    make: (rm) => bullmq({ rm, queue: connected() }),
    write: (resource, key, text) => resource.add(key, text),
    async read(key) {
      const jobs = await connected().getJobs(['waiting'], 0, -1, true);
      return jobs.filter(({ name }) => name === key).map(({ data }) => data as string);
    },
    close: async () => queue?.close(),
  };
}

// Loaded before a process that is measured: on SIGUSR2 it collects all its garbage, and says on stderr
// what is left. Twice, since finalizers run in between. Not in its threads, which load this, too.
import { Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

async function collect() {
  const session = new Session();
  session.connect();
  for (let times = 0; times < 2; times++) {
    session.post('HeapProfiler.collectGarbage');
    await sleep(100);
  }
  session.disconnect();
  process.stderr.write(`live objects: ${process.memoryUsage().heapUsed} bytes\n`);
}

if (isMainThread) process.on('SIGUSR2', collect);

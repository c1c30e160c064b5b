// Loaded before a process that is measured: on SIGUSR2 it collects all its garbage, gives back what
// is free, and says so on stderr. Twice, since finalizers run in between.
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
  process.stderr.write('garbage collected\n');
}

if (isMainThread) process.on('SIGUSR2', collect);

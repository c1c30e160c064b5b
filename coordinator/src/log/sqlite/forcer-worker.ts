import { fdatasyncSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { cells, states } from './thread-forcer.ts';

// The thread that forces the mirror while another one forces the log. It hears of a file by its number,
// which is the same in all threads, and sleeps until it is asked.
const shared = workerData as Int32Array;

// Whoever was faster: a `stop` that came meanwhile stays.
Atomics.compareExchange(shared, cells.state, states.starting, states.idle);
for (;;) {
  Atomics.wait(shared, cells.state, states.idle);
  if (Atomics.load(shared, cells.state) !== states.asked) break;
  Atomics.store(shared, cells.errno, force(Atomics.load(shared, cells.file)));
  if (Atomics.compareExchange(shared, cells.state, states.asked, states.idle) !== states.asked)
    break;
  Atomics.notify(shared, cells.state);
}

function force(file: number): number {
  try {
    fdatasyncSync(file);
    return 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? -5; // EIO
  }
}

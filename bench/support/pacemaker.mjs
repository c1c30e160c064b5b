// Says how much is due, from a thread of its own. A timer of the event loop comes up to a millisecond
// late, and who looks at the clock in every turn keeps a core from what is measured: on two cores the
// coordinator's threads then waited for their turn longer than for anything else.
import { parentPort, workerData } from 'node:worker_threads';

const { rate, count } = workerData;
const nobodyWakes = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

parentPort.once('message', (startedNs) => {
  for (let due = 0; due < count; ) {
    const passedMs = (Number(process.hrtime.bigint()) - startedNs) / 1_000_000;
    const nextMs = (due * 1_000) / rate;
    if (passedMs < nextMs) Atomics.wait(nobodyWakes, 0, 0, nextMs - passedMs);
    else {
      due = Math.min(count, Math.floor((passedMs * rate) / 1_000) + 1);
      parentPort.postMessage(due, []);
    }
  }
});
parentPort.postMessage(0, []);

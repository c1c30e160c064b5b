import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { LogEngine } from './log-engine.ts';
import type { FromWorker, ToWorker, WorkerSettings } from './worker-messages.ts';

// The thread that owns SQLite. Everything that waits goes into one transaction, and nothing waits
// for more to come.
const port = parentPort;
if (!port) throw new Error('log-worker runs as a worker thread');

const engine = new LogEngine(workerData as WorkerSettings, {
  send: (message: FromWorker) => port.postMessage(message),
  receive: () => receiveMessageOnPort(port)?.message as ToWorker | undefined,
  end: () => port.close(),
});

port.on('message', (message: ToWorker) => engine.take(message));

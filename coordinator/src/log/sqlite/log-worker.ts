import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { failpoint } from '@unanimous/proto/vocabulary';
import { type CrashPoint, crashOn } from './crash-points.ts';
import { type EnginePort, LogEngine } from './log-engine.ts';
import { ThreadForcer } from './thread-forcer.ts';
import type { FromWorker, ToWorker, WorkerSettings } from './worker-messages.ts';

// The thread that owns SQLite. Everything that waits goes into one transaction, and nothing waits
// for more to come.
const port = parentPort;
if (!port) throw new Error('log-worker runs as a worker thread');

const settings = workerData as WorkerSettings;
const enginePort: EnginePort = {
  send: (message: FromWorker, transfer = []) => port.postMessage(message, transfer),
  receive: () => receiveMessageOnPort(port)?.message as ToWorker | undefined,
  end: () => port.close(),
};
const planned = crashOn(settings.crash);
const reached = (point: CrashPoint) => {
  failpoint(`log.${point}`);
  planned(point);
};
const engine = new LogEngine(settings, enginePort, reached, () => new ThreadForcer());

port.on('message', (message: ToWorker) => engine.take(message));

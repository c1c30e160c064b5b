// Ends this process when its parent is gone: the pipe to it closes then. Not its threads, which load
// this too, and have no such pipe.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) process.stdin.resume().on('end', () => process.exit(1));

import Database from 'better-sqlite3';
import { openQueue } from '../../../participant-sdk/src/sqlite-queue/index.ts';

// A process that consumes topic `t` until it is killed. Usage: consumer-child.ts FILE

const [, , file = ''] = process.argv;
const queue = await openQueue({ file, Database });
process.stdout.write('ready\n');
const handler = ({ body }: { readonly body: unknown }) => {
  process.stdout.write(`${String(body)}\n`);
};
await queue.consume('t', handler, { signal: new AbortController().signal, visibilityMs: 500 });

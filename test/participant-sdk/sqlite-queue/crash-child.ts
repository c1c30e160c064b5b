import Database from 'better-sqlite3';
import { sqliteQueue } from '../../../participant-sdk/src/sqlite-queue/index.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';

// A process that publishes three messages, says how far it got, and kills itself where it is told.
// Usage: crash-child.ts FILE POINT

const [, , file = '', point = ''] = process.argv;

function crashAt(reached: string): void {
  process.stdout.write(`${reached}\n`);
  if (reached === point) process.kill(process.pid, 'SIGKILL');
}

let step = 'open';

class Crashing extends Database {
  override exec(text: string) {
    if (text === 'COMMIT') crashAt(`${step}: written`);
    const result = super.exec(text);
    if (text === 'COMMIT') crashAt(`${step}: on disk`);
    return result;
  }
}

const coordinator = new TestCoordinator();
const queue = await coordinator.serve(sqliteQueue({ rm: 'events', file, Database: Crashing }));
const transaction = await coordinator.begin(async () => {
  for (const body of [1, 2, 3]) await queue.publish('t', body);
});
crashAt('staged');
step = 'prepare';
await transaction.prepare();
crashAt('voted');
step = 'commit';
await transaction.commit();
crashAt('acknowledged');
